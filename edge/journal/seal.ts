import assert from "node:assert/strict";
import {
  batchEntriesMax,
  frameBytesMax,
  type ReadingEntry,
  type Signer,
  sealFrame,
  type UtcMs,
} from "@busbar/protocol";
import type { Place } from "./row.ts";

/** A reading on its way into a batch; `bytes` is its row's length. */
export type Row = Place & { readonly entry: ReadingEntry; readonly bytes: number };

/** A signed batch: the frame is what travels and what stands in a block. */
export type Sealed = {
  readonly first: number;
  readonly last: number;
  /** Of the newest entry. */
  readonly time: UtcMs;
  readonly frame: Uint8Array;
};

/** What a frame holds besides its entries: COSE header and signature, kind, meter, head. */
const overheadBytes = 512;

/** The ledger takes no batch that covers more than 31 days: one left unsigned when the unit was
 * switched off for long, or one over which a wrong clock was set right. */
const spanMsMax = 31 * 86_400_000;

/** Signs consecutive rows of one meter in as few batches as the limits allow. */
export function sealRows(
  rows: readonly Row[],
  entriesMax: number,
  signing: { readonly chain: string; readonly signer: Signer },
): Sealed[] {
  return groups(rows, Math.min(entriesMax, batchEntriesMax)).map((group) => {
    const [head] = group;
    const tail = group.at(-1);
    assert(head !== undefined && tail !== undefined, "a batch holds at least one reading");
    const entries = group.map(({ entry }) => entry);
    const message = { meter: head.meter, first: head.seq, prev: head.prev, entries };
    const frame = sealFrame("readings", message, signing);
    return { first: head.seq, last: tail.seq, time: tail.entry.time, frame };
  });
}

function groups(rows: readonly Row[], entriesMax: number): Row[][] {
  const all: Row[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const group = all.at(-1);
    bytes += row.bytes;
    if (
      group === undefined ||
      group.length >= entriesMax ||
      row.entry.time - (group[0]?.entry.time ?? 0) > spanMsMax ||
      bytes > frameBytesMax - overheadBytes
    ) {
      all.push([row]);
      bytes = row.bytes;
    } else {
      group.push(row);
    }
  }
  return all;
}
