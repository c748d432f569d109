import { encodeCbor } from "../cbor/encode.ts";
import type { Verify } from "../envelope/envelope.ts";
import { verifyInclusion } from "../merkle/tree.ts";
import type { Refusal } from "../refusal.ts";
import { array, bytes, int, type TypeOf, text } from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";
import { sha256 } from "../sha256.ts";
import { blockHeader, certificate, encodeHeader } from "./block.ts";
import { type Membership, verifyCertificate } from "./membership.ts";

/** What a block did by itself, behind its transactions' results. */
export const blockResult = "block";

/**
 * What came of a transaction, or what a block did by itself (`code` "block", the last leaf): its
 * events, JSON in UTF-8, exactly as they are hashed, and their place under the header's `resultsRoot`.
 */
export const resultProof = record("result-proof", {
  header: field(1, blockHeader),
  certificate: field(2, certificate),
  index: field(3, int(0, 0xffff_ffff)),
  size: field(4, int(1, 0xffff_ffff)),
  proof: field(5, array(bytes(32), 0, 32)),
  code: field(6, text(32)),
  events: field(7, bytes(2, 1 << 24)),
});

export type ResultProof = TypeOf<typeof resultProof>;

/** An event as the ledger certifies it: a type, and plain data. */
export type CertifiedEvent = Readonly<Record<string, unknown>> & { readonly type: string };

/** A leaf under `resultsRoot`: CBOR `[code, SHA-256 of the events as JSON]`. */
export function resultLeaf(
  { code, events }: { readonly code: string; readonly events: Uint8Array },
  hash: (bytes: Uint8Array) => Uint8Array = sha256,
): Uint8Array {
  return encodeCbor([code, hash(events)]);
}

/**
 * Checks a result against the members' keys and nothing else. Codes, in order: `proof.chain`,
 * `proof.path`, `certificate.*`, `proof.events`.
 */
export function verifyResultProof(
  proof: ResultProof,
  membership: Membership,
  verify: Verify,
):
  | {
      readonly ok: true;
      readonly signers: readonly string[];
      readonly events: readonly CertifiedEvent[];
    }
  | Refusal {
  const { header, certificate, index, size, code } = proof;
  if (header.chain !== membership.chain) {
    const message = `expected chain ${membership.chain}, got ${header.chain}`;
    return { ok: false, code: "proof.chain", message };
  }
  const root = header.resultsRoot;
  const own = code === blockResult;
  // Only the last leaf is the block's own, so no transaction's result can pass for it.
  const fits = own === (index === size - 1);
  if (
    !fits ||
    !verifyInclusion({ leaf: resultLeaf(proof), index, size, proof: proof.proof, root })
  ) {
    const message = `the path of result ${index} does not lead to the results of block ${header.height}`;
    return { ok: false, code: "proof.path", message };
  }
  const checked = verifyCertificate(encodeHeader(header), certificate, membership, verify);
  if (!checked.ok) return checked;
  const events = eventsOf(proof.events);
  if (events !== undefined) return { ...checked, events };
  return { ok: false, code: "proof.events", message: "what is proved is no list of events" };
}

function eventsOf(data: Uint8Array): CertifiedEvent[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
  } catch (error) {
    // Broken UTF-8 or broken JSON, whichever a runtime calls it.
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
  return Array.isArray(value) && value.every(isEvent) ? value : undefined;
}

function isEvent(value: unknown): value is CertifiedEvent {
  return typeof value === "object" && value !== null && "type" in value
    ? typeof value.type === "string"
    : false;
}
