import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Failure, type UtcMs, utcMs } from "@busbar/protocol";
import { pendingPath } from "./card.ts";

/** A claim that the ledger has not taken yet. */
export type PendingClaim = {
  /** Of the label's key; 32 bytes. */
  readonly seed: Uint8Array;
  /** Until when the label counts, where the card said so. */
  readonly until: UtcMs | undefined;
};

/** Reads it; undefined where none waits. Throws: `Failure` `claim.pending`. */
export function readPending(home: string): PendingClaim | undefined {
  const path = pendingPath(home);
  if (!existsSync(path)) return undefined;
  try {
    // By hand: a unit that runs holds no schemas.
    const { seed, until } = Object(JSON.parse(readFileSync(path, "utf8"))) as Record<
      string,
      unknown
    >;
    const isSeed = typeof seed === "string" && /^[A-Za-z0-9_-]{43}$/.test(seed);
    if (!isSeed) throw new Error("expected seed, 32 bytes as base64url");
    const bytes = new Uint8Array(Buffer.from(seed, "base64url"));
    return { seed: bytes, until: until === undefined ? undefined : utcMs(Number(until)) };
  } catch (cause) {
    const message = `${path} is damaged; enter the code of the unit's label once more`;
    throw new Failure("claim.pending", message, { retry: "never", cause });
  }
}

/** Whole or not at all, for this user alone. */
export function writePending(home: string, { seed, until }: PendingClaim): void {
  const path = pendingPath(home);
  const text = JSON.stringify({ seed: Buffer.from(seed).toString("base64url"), until });
  replaceSecret(path, `${text}\n`);
}

/** A file of this user alone, on the disk before the call returns. */
export function replaceSecret(path: string, content: string | Uint8Array): void {
  const aside = `${path}.${process.pid}.new`;
  writeFileSync(aside, content, { mode: 0o600, flush: true });
  renameSync(aside, path);
}
