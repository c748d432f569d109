import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkPublicKey } from "@busbar/protocol";
import type { OwnerKeys } from "./judge.ts";

const requestBytesMax = 256 * 1024;

/** The owner's public key as `busbar-edge enrol` wrote it into the request; undefined where there is none. */
export function ownerKeysIn(home: string, owner: string): OwnerKeys | undefined {
  const path = join(home, "request.json");
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.size > requestBytesMax) return undefined;
  try {
    const request = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    const { id, key } = Object(request.owner) as Record<string, unknown>;
    const bytes = new Uint8Array(Buffer.from(typeof key === "string" ? key : "", "base64url"));
    const isKey = bytes.length === 32 && checkPublicKey(bytes) === undefined;
    return id === owner && isKey ? { owner, key: bytes } : undefined;
  } catch {
    // No JSON: whoever wrote it was not enrol.
    return undefined;
  }
}
