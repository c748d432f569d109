import { type CborError, decodeCbor } from "@busbar/protocol";
import {
  array,
  blockHeader,
  bytes,
  certificate,
  encodeAs,
  field,
  int,
  optional,
  quote,
  record,
  SchemaError,
  stateProof,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";

/** Longest of any list: a month of 5-minute slots has 8 928, each with some contracts. */
const listMax = 1_000_000;
const place = int(0, 0xffff_ffff);
/** Hashes beside a way through a tree, from below, up to the first node that entries before it made known. */
const pathOf = (most: number) => bytes(0, most * 32);

const certifiedBlock = record("certified-block", {
  header: field(1, blockHeader),
  certificate: field(2, certificate),
});

/** A block of before, by its place in the history of blocks that the state holds. */
const earlierBlock = record("earlier-block", {
  header: field(1, blockHeader),
  /** Headers that lead from it, by `previous`, to one that is a leaf of the history: blocks that changed
   * nothing are none. */
  links: optional(2, array(blockHeader, 1, 1024)),
  /** That leaf's; absent: the links lead to the certified block itself. */
  index: optional(3, place),
  path: field(4, pathOf(64)),
});

const stateEntry = record("proved-entry", {
  key: field(1, text(200)),
  /** Absent: the key holds nothing. */
  value: optional(2, bytes(0, 1 << 20)),
  /** How deep in the state's tree its way ends. */
  depth: field(3, int(0, 256)),
  path: field(4, pathOf(256)),
  /** Of an absent key: hashes of key and value of the leaf that stands in its place. */
  other: optional(5, bytes(64)),
});

/** What opens a sealed quote. It needs no proof: the seal, which is proved and signed, is a hash over it. */
const opening = record("opened-quotes", {
  quotes: field(1, array(quote, 1, 16)),
  salt: field(2, bytes(32)),
});

const provedFrame = record("proved-frame", {
  /** Which block holds it: 0 is the certified one, the n-th of the earlier ones is n. */
  block: field(1, place),
  index: field(2, place),
  size: field(3, int(1, 0xffff_ffff)),
  /** To the root of the block's transactions. */
  path: field(4, pathOf(64)),
  frame: field(5, bytes(1, 15_360)),
  /** Of a sealed quote. */
  opening: optional(6, opening),
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
 * All that a bill rests on, with nothing in it that is not used: one certified block, entries of the state
 * after it, blocks of before by the history that this state holds, and the signed frames that they hold.
 */
export const evidence = record("bill-evidence", {
  head: field(1, certifiedBlock),
  /** From the chain's first voters to those that certified the block. */
  steps: field(2, array(stateProof, 0, 0xffff)),
  entries: field(3, array(stateEntry, 0, listMax)),
  blocks: field(4, array(earlierBlock, 0, listMax)),
  frames: field(5, array(provedFrame, 0, listMax)),
  /** Absent: no figure is made. */
  carbon: optional(6, carbonFactors),
});

export type Opening = TypeOf<typeof opening>;
export type Evidence = TypeOf<typeof evidence>;
export type EarlierBlock = TypeOf<typeof earlierBlock>;
export type ProvedFrame = TypeOf<typeof provedFrame>;
export type ProvedEntry = TypeOf<typeof stateEntry>;

/** As it stands in a bill: base64url of its CBOR. */
export function encodeEvidence(value: Evidence): string {
  return Buffer.from(encodeAs(evidence, value)).toString("base64url");
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
