import { checkPublicKey, Failure } from "@busbar/protocol";
import type { Disk } from "./disk.ts";

/** Beside edge.yaml: whose bundles this unit takes. */
export const keysName = "update-keys";

/** More than anybody needs, and a bound for what is read. */
const keysMax = 16;

/**
 * Public keys, one a line as base64url, with a comment behind it. No file means no key: nobody's
 * bundle is taken. Throws: `Failure` `update.keys`.
 */
export function readKeys(disk: Disk, path: string): Uint8Array[] {
  if (disk.kind(path) === undefined) return [];
  const text = new TextDecoder().decode(disk.read(path));
  const keys = text.split("\n").flatMap((line, at) => {
    const [word = ""] = line.trim().split(/\s/);
    if (word === "" || word.startsWith("#")) return [];
    const key = new Uint8Array(Buffer.from(word, "base64url"));
    const problem = /^[A-Za-z0-9_-]{43}$/.test(word)
      ? checkPublicKey(key)
      : "43 letters and digits";
    if (problem === undefined) return [key];
    const message = `${path}:${at + 1}: expected a public key as busbar-edge update key prints it (${problem})`;
    throw new Failure("update.keys", message, { retry: "never" });
  });
  if (keys.length <= keysMax) return keys;
  const message = `${path}: expected at most ${keysMax} keys, got ${keys.length}`;
  throw new Failure("update.keys", message, { retry: "never" });
}
