import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import type { Verify } from "../envelope/envelope.ts";
import { type StatePath, verifyStatePath } from "../merkle/state-path.ts";
import type { Refusal } from "../refusal.ts";
import { array, bytes, encodeAs, pair, SchemaError, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { blockHeader, certificate, encodeHeader } from "./block.ts";
import { type Membership, verifyCertificate } from "./membership.ts";

const hash = bytes(32);

/**
 * What a key of the ledger's state holds after a certified block, or that it holds nothing (`value`
 * left out). `other`: hashes of key and value of the leaf that stands in an absent key's place.
 */
export const stateProof = record("state-proof", {
  header: field(1, blockHeader),
  certificate: field(2, certificate),
  key: field(3, text(200)),
  value: optional(4, bytes(0, 1 << 20)),
  siblings: field(5, array(hash, 0, 256)),
  other: optional(6, pair(hash, hash)),
});

export type StateProof = TypeOf<typeof stateProof>;

/**
 * Checks a proof against the members' keys and nothing else. Codes, in order: `proof.chain`,
 * `proof.path`, `certificate.*`.
 */
export function verifyStateProof(
  proof: StateProof,
  membership: Membership,
  verify: Verify,
): { readonly ok: true; readonly signers: readonly string[] } | Refusal {
  const { header, certificate, key, value, siblings, other } = proof;
  if (header.chain !== membership.chain) {
    const message = `expected chain ${membership.chain}, got ${header.chain}`;
    return { ok: false, code: "proof.chain", message };
  }
  const path: StatePath =
    other === undefined ? { siblings } : { siblings, other: { key: other[0], value: other[1] } };
  if (!verifyStatePath(header.appHash, { key, value, path })) {
    const message = `the path of ${key} does not lead to the state of ${header.height}`;
    return { ok: false, code: "proof.path", message };
  }
  return verifyCertificate(encodeHeader(header), certificate, membership, verify);
}

export function encodeStateProof(proof: StateProof): Uint8Array {
  return encodeAs(stateProof, proof);
}

/** Codes: `cbor.*`, `message.shape`. */
export function decodeStateProof(
  data: Uint8Array,
): { readonly ok: true; readonly proof: StateProof } | Refusal {
  try {
    return { ok: true, proof: stateProof.decode(decodeCbor(data), "") };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `state proof: ${error.message}` };
    }
    throw error;
  }
}
