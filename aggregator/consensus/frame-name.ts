import { hashOf } from "../ledger/opened-frame.ts";

/** A frame's SHA-256 as a key of maps. */
export function nameOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString("latin1");
}

const known = new WeakMap<readonly Uint8Array[], readonly string[]>();

/** The names of a list of frames; a list that does not change is hashed once. */
export function namesOf(frames: readonly Uint8Array[]): readonly string[] {
  const before = known.get(frames);
  if (before !== undefined) return before;
  const names = frames.map((frame) => nameOf(hashOf(frame)));
  known.set(frames, names);
  return names;
}
