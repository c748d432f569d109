import { type CborError, decodeCbor, encodeCbor } from "@busbar/protocol";
import {
  array,
  blockHeader,
  bytes,
  certificate,
  field,
  int,
  optional,
  pair,
  record,
  SchemaError,
  stateProof,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";

/** Longest of any list: a month of 5-minute slots has 8 928, each with some contracts. */
const listMax = 1_000_000;
const place = int(0, 0xffff_ffff);
/** Places of hashes in the pool. */
const path = array(place, 0, 256);

const certifiedBlock = record("certified-block", {
  header: field(1, blockHeader),
  certificate: field(2, certificate),
});

const stateEntry = record("proved-entry", {
  key: field(1, text(200)),
  /** Absent: the key holds nothing. */
  value: optional(2, bytes(0, 1 << 20)),
  path: field(3, path),
  /** Of an absent key: hashes of key and value of the leaf that stands in its place. */
  other: optional(4, pair(place, place)),
});

const provedFrame = record("proved-frame", {
  /** Which of the blocks holds it, and where. */
  block: field(1, place),
  index: field(2, place),
  size: field(3, int(1, 0xffff_ffff)),
  path: field(4, path),
  frame: field(5, bytes(1, 15_360)),
});

/** Factors of the carbon figure, mg per kWh, as whoever made the bill has them in its configuration. */
const carbonFactors = record("carbon-factors", {
  source: field(1, text(200)),
  solar: field(2, int(0, 10_000_000)),
  wind: field(3, int(0, 10_000_000)),
  rest: field(4, int(0, 10_000_000)),
});

export type CarbonEvidence = TypeOf<typeof carbonFactors>;

/**
 * All that a bill rests on, with nothing in it that is not used: certified blocks, entries of the state
 * after the first of them, and the signed frames that others of them hold. Hashes stand in one pool, for
 * paths to one root share most of them.
 */
export const evidence = record("bill-evidence", {
  hashes: field(1, array(bytes(32), 0, listMax)),
  blocks: field(2, array(certifiedBlock, 1, listMax)),
  /** From the chain's first voters to those that certified the blocks. */
  steps: field(3, array(stateProof, 0, 0xffff)),
  entries: field(4, array(stateEntry, 0, listMax)),
  frames: field(5, array(provedFrame, 0, listMax)),
  /** Absent: no figure is made. */
  carbon: optional(6, carbonFactors),
});

export type Evidence = TypeOf<typeof evidence>;
export type ProvedFrame = TypeOf<typeof provedFrame>;
export type ProvedEntry = TypeOf<typeof stateEntry>;

/** As it stands in a bill: base64url of its CBOR. */
export function encodeEvidence(value: Evidence): string {
  return Buffer.from(encodeCbor(evidence.encode(value))).toString("base64url");
}

/** Undefined, with the reason, for what is no evidence. */
export function decodeEvidence(
  encoded: string,
):
  | { readonly ok: true; readonly evidence: Evidence }
  | { readonly ok: false; readonly why: string } {
  // A second text for the same bytes would be tampering that nobody sees.
  const bytes = Buffer.from(encoded, "base64url");
  if (bytes.toString("base64url") !== encoded) return { ok: false, why: "it is no base64url" };
  try {
    return { ok: true, evidence: evidence.decode(decodeCbor(new Uint8Array(bytes)), "evidence") };
  } catch (error) {
    if (error instanceof SchemaError || isCborError(error))
      return { ok: false, why: error.message };
    throw error;
  }
}

function isCborError(error: unknown): error is CborError {
  return error instanceof Error && "code" in error && String(error.code).startsWith("cbor.");
}

/** Hashes, each once, by their place. */
export class HashPool {
  readonly hashes: Uint8Array[] = [];
  readonly #places = new Map<string, number>();

  place(hash: Uint8Array): number {
    const key = Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString("latin1");
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.hashes.length);
    return this.hashes.push(hash) - 1;
  }
}
