import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { encodeCbor } from "../cbor/encode.ts";
import type { Sha256 } from "../merkle/tree.ts";
import { sha256 } from "../sha256.ts";
import { type ReadingEntry, readingEntry } from "./readings.ts";

/**
 * Head of a meter's chain before its first reading. Bound to chain and meter, so that no reading can
 * move to another meter or another site.
 */
export function chainStart(chain: string, meter: string, hash: Sha256 = sha256): Uint8Array {
  return hash(utf8ToBytes(`busbar/1/${chain}/chain/${meter}`));
}

/**
 * head(n) = SHA-256(head(n−1) ‖ encoding of entry n). It covers payload bytes, never the signature:
 * a batch signed twice does not fork the chain.
 */
export function chainHead(
  previous: Uint8Array,
  entry: ReadingEntry,
  hash: Sha256 = sha256,
): Uint8Array {
  return hash(concatBytes(previous, encodeCbor(readingEntry.encode(entry))));
}

/** The head after all entries of a batch. */
export function chainHeads(
  previous: Uint8Array,
  entries: readonly ReadingEntry[],
  hash: Sha256 = sha256,
): Uint8Array {
  return entries.reduce((head, entry) => chainHead(head, entry, hash), previous);
}
