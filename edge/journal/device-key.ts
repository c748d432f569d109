import { existsSync, rmSync, writeFileSync } from "node:fs";
import { keyId, type Signer } from "@busbar/protocol";
import { type KeyFile, openKeyFile } from "@busbar/protocol/node";
import type { Logger } from "pino";
import type { Keeper } from "./keeper.ts";

/** Stands beside a key that was made here, until a journal has begun with it. */
const freshPath = (path: string): string => `${path}.fresh`;
const noteName = "key";

/** Reads the unit's key, or makes it where there is none. Throws: `Failure` `key.unreadable`, `key.malformed`. */
export function openDeviceKey(path: string): KeyFile {
  const isNew = !existsSync(path);
  const key = openKeyFile(path);
  // Behind the key: a power cut in between costs patience, and never makes an old key look new.
  if (isNew) writeFileSync(freshPath(path), "", { mode: 0o600 });
  return key;
}

/**
 * Whether all that this key ever signed stands in this journal. Not so where the key is older, as after the loss of
 * a data folder. The first start with a key notes it.
 */
export function hasAllOfKey(
  { journal, disk }: Pick<Keeper, "journal" | "disk">,
  { path, signer, log }: { readonly path: string; readonly signer: Signer; readonly log: Logger },
): boolean {
  const id = Buffer.from(keyId(signer.publicKey)).toString("hex");
  try {
    if (existsSync(freshPath(path))) {
      disk.write(() => journal.setNote(noteName, id));
      rmSync(freshPath(path));
    }
    return journal.note(noteName) === id;
  } catch (error) {
    // Recording matters more: the next start notes it.
    log.warn({ err: error }, "that the key is new could not be noted");
    return false;
  }
}
