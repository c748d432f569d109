import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, labelIdOf } from "@busbar/protocol";
import { claimKeys, openSealed, parseClaimCode, type Sealed } from "@busbar/protocol/claim";
import { nativeScrypt, openKeyFile, publicKeyFromSeed } from "@busbar/protocol/node";
import type { LoadedConfig } from "../config/load.ts";
import { openDeviceKey } from "../journal/device-key.ts";
import { nameProblem, sealedPath } from "./card.ts";
import { replaceSecret, writePending } from "./pending.ts";
import { shred } from "./shred.ts";

/** What a code brought about. */
export type TakenCode = {
  /** By which the ledger knows the label. */
  readonly label: string;
  /** Files that were sealed on the card and are in their place now. */
  readonly files: readonly string[];
  readonly until: number | undefined;
};

/**
 * Takes the code of the unit's label: opens what the card brought sealed, makes the keys that are missing,
 * keeps the label's key until the ledger has taken the unit in, and shreds what was sealed. Said again, or
 * broken off by a power cut, it comes to the same.
 * Throws: `Failure` `code.*`, `claim.other-site`, `claim.other-unit`, `sealed.*`, `key.*`.
 */
export async function takeCode(
  text: string,
  { site, home, device, owner }: Pick<LoadedConfig, "site" | "home" | "device" | "owner">,
): Promise<TakenCode> {
  const parsed = parseClaimCode(text);
  if (!parsed.ok) throw refused(parsed);
  if (parsed.site !== undefined && parsed.site !== site) {
    const message = `the label is of site ${parsed.site}, and this unit was set up for ${site}: take its own label, or flash its card for ${parsed.site}`;
    throw refused({ code: "claim.other-site", message });
  }
  const keys = await claimKeys(parsed.code, site, nativeScrypt);
  const sealed = openCard(home, keys.sealing);
  if (sealed !== undefined && sealed.device !== device.id) {
    const message = `the card is for unit ${sealed.device}, and this one is ${device.id}; take that one's card`;
    throw refused({ code: "claim.other-unit", message });
  }
  for (const { name, content } of sealed?.files ?? []) replaceSecret(join(home, name), content);
  openDeviceKey(device.key);
  if (owner.key !== undefined) openKeyFile(owner.key);
  writePending(home, { seed: keys.seed, until: sealed?.until });
  shred(sealedPath(home));
  return {
    label: labelIdOf(publicKeyFromSeed(keys.seed)),
    files: (sealed?.files ?? []).map(({ name }) => name),
    until: sealed?.until,
  };
}

function openCard(home: string, key: Uint8Array): Sealed | undefined {
  const path = sealedPath(home);
  if (!existsSync(path)) return undefined;
  const opened = openSealed(readFileSync(path, "utf8"), key);
  if (!opened.ok) throw refused(opened);
  const odd = opened.sealed.files.find(({ name }) => nameProblem(name) !== undefined);
  if (odd === undefined) return opened.sealed;
  throw refused({ code: "sealed.form", message: nameProblem(odd.name) ?? "" });
}

const refused = ({ code, message }: { readonly code: string; readonly message: string }) =>
  new Failure(code, message, { retry: "never" });
