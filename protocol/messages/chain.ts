import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { endOfItem } from "../cbor/skip.ts";
import type { Sha256 } from "../merkle/tree.ts";
import { encodeAs } from "../schema/codec.ts";
import { sha256 } from "../sha256.ts";
import { payloadOf } from "./payload.ts";
import { type ReadingEntry, type Readings, readingEntry } from "./readings.ts";

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
  return hash(concatBytes(previous, encodeAs(readingEntry, entry)));
}

/** The head after all entries of a batch. */
export function chainHeads(
  previous: Uint8Array,
  entries: readonly ReadingEntry[],
  hash: Sha256 = sha256,
): Uint8Array {
  return entries.reduce((head, entry) => chainHead(head, entry, hash), previous);
}

/** The head after a batch: of one that was decoded, from the bytes of its entries as they came. */
export function batchHead(batch: Readings, hash: Sha256 = sha256): Uint8Array {
  const payload = payloadOf(batch);
  if (payload === undefined) return chainHeads(batch.prev, batch.entries, hash);
  let head = batch.prev;
  let at = startOfEntries(payload);
  const link = new Uint8Array(32 + payload.length);
  for (let left = batch.entries.length; left > 0; left--) {
    const end = endOfItem(payload, at);
    link.set(head);
    link.set(payload.subarray(at, end), 32);
    head = hash(link.subarray(0, 32 + end - at));
    at = end;
  }
  return head;
}

/** The first of a batch's entries in its payload: the only form of a batch is `{1: …, 2: …, 3: …, 4: [`. */
function startOfEntries(payload: Uint8Array): number {
  let at = 1;
  for (let items = 0; items < 7; items++) at = endOfItem(payload, at);
  // A batch has at most 64 entries, so the list's head is one byte or two.
  return at + ((payload[at] as number) === 0x98 ? 2 : 1);
}
