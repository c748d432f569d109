import assert from "node:assert/strict";
import { inclusionProofs, type Receipt } from "@busbar/protocol";
import type { BlockSource, Place } from "./block-table.ts";
import { sha256 } from "./sha256.ts";

/** Blocks whose paths are kept: units that missed their answers ask for those of the same ones. */
const blocksKept = 4;

type Paths = {
  readonly frames: readonly Uint8Array[];
  readonly proofs: readonly (readonly Uint8Array[])[];
};

/** The receipt of a frame, by its SHA-256; undefined while it stands in no block. */
export function receiptOf(store: BlockSource, hash: Uint8Array): Receipt | undefined {
  return receiptsOf(store)(hash);
}

/**
 * The same for whoever asks often: a block's tree is hashed once for all that ask for its frames one after
 * the other. Without that a member that cannot keep up with its units does a block's work for each frame that
 * is sent again, and keeps up less.
 */
export function receiptsOf(store: BlockSource): (hash: Uint8Array) => Receipt | undefined {
  const kept = new Map<number, Paths>();
  const pathsOf = (height: number): Paths => {
    const known = kept.get(height);
    if (known !== undefined) return known;
    const frames = store.framesOf(height);
    const paths = { frames, proofs: inclusionProofs(frames, sha256) };
    kept.set(height, paths);
    const [oldest] = kept.keys();
    if (kept.size > blocksKept && oldest !== undefined) kept.delete(oldest);
    return paths;
  };
  return (hash) => {
    const place = store.placeOf(hash);
    return place === undefined ? undefined : receiptAt(store, place, pathsOf(place.height));
  };
}

/** The receipt of the batch that holds a meter's reading; undefined where there is none. */
export function receiptOfReading(
  store: BlockSource,
  reading: { readonly meter: string; readonly sequence: number },
): Receipt | undefined {
  const place = store.placeOfReading(reading.meter, reading.sequence);
  if (place === undefined) return undefined;
  const frames = store.framesOf(place.height);
  return receiptAt(store, place, { frames, proofs: inclusionProofs(frames, sha256) });
}

/** Undefined for a block that carries no certificate: its engine keeps the proof. */
function receiptAt(
  store: BlockSource,
  { height, index }: Place,
  { frames, proofs }: Paths,
): Receipt | undefined {
  const certified = store.header(height);
  const [frame, proof] = [frames[index], proofs[index]];
  assert(
    certified !== undefined && frame !== undefined && proof !== undefined,
    `block ${height} holds transaction ${index}`,
  );
  const { header, certificate } = certified;
  if (certificate.length === 0) return undefined;
  return { header, certificate, index, size: frames.length, proof, frame };
}
