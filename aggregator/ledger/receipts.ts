import assert from "node:assert/strict";
import { inclusionProof, type Receipt } from "@busbar/protocol";
import type { BlockSource, Place } from "./block-table.ts";
import { sha256 } from "./sha256.ts";

/** The receipt of a frame, by its SHA-256; undefined while it stands in no block. */
export function receiptOf(store: BlockSource, hash: Uint8Array): Receipt | undefined {
  const place = store.placeOf(hash);
  return place === undefined ? undefined : receiptAt(store, place);
}

/** The receipt of the batch that holds a meter's reading; undefined where there is none. */
export function receiptOfReading(
  store: BlockSource,
  reading: { readonly meter: string; readonly sequence: number },
): Receipt | undefined {
  const place = store.placeOfReading(reading.meter, reading.sequence);
  return place === undefined ? undefined : receiptAt(store, place);
}

/** Undefined for a block that carries no certificate: its engine keeps the proof. */
function receiptAt(store: BlockSource, { height, index }: Place): Receipt | undefined {
  const certified = store.header(height);
  const frames = store.framesOf(height);
  const frame = frames[index];
  assert(
    certified !== undefined && frame !== undefined,
    `block ${height} holds transaction ${index}`,
  );
  const { header, certificate } = certified;
  if (certificate.length === 0) return undefined;
  const proof = inclusionProof(frames, index, sha256);
  return { header, certificate, index, size: frames.length, proof, frame };
}
