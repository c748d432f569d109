import {
  type BlockHeader,
  CborError,
  type Certificate,
  decodeCbor,
  encodeCbor,
  encodeHeader,
  type Membership,
  type Refusal,
  type Verify,
  verifyCertificate,
} from "@busbar/protocol";
import {
  array,
  blockHeader,
  bytes,
  certificate,
  field,
  optional,
  pair,
  record,
  SchemaError,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";
import type { Application } from "./application.ts";
import { refuse } from "./refuse.ts";
import { type StatePath, verifyStatePath } from "./state/tree.ts";
import type { Store } from "./store.ts";

const hash = bytes(32);

/**
 * What a key of the state holds after a certified block, or that it holds nothing (`value` left
 * out). `other`: hashes of key and value of the leaf that stands in an absent key's place.
 */
const stateProof = record("state-proof", {
  header: field(1, blockHeader),
  certificate: field(2, certificate),
  key: field(3, text(200)),
  value: optional(4, bytes(0, 1 << 20)),
  siblings: field(5, array(hash, 0, 256)),
  other: optional(6, pair(hash, hash)),
});

export type StateProof = TypeOf<typeof stateProof>;

/** Proves a key of the last committed state (an account, a contract); undefined before a block. */
export function proveState(
  application: Application,
  store: Store,
  key: string,
): StateProof | undefined {
  const { value, path, height } = application.query(key);
  const certified: { header: BlockHeader; certificate: Certificate } | undefined =
    store.header(height);
  if (certified === undefined) return undefined;
  const { header, certificate } = certified;
  return {
    header,
    certificate,
    key,
    siblings: path.siblings,
    ...(value === undefined ? {} : { value }),
    ...(path.other === undefined ? {} : { other: [path.other.key, path.other.value] }),
  };
}

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
    return refuse("proof.chain", `expected chain ${membership.chain}, got ${header.chain}`);
  }
  const path: StatePath =
    other === undefined ? { siblings } : { siblings, other: { key: other[0], value: other[1] } };
  if (!verifyStatePath(header.appHash, { key, value, path })) {
    return refuse(
      "proof.path",
      `the path of ${key} does not lead to the state of ${header.height}`,
    );
  }
  return verifyCertificate(encodeHeader(header), certificate, membership, verify);
}

export function encodeStateProof(proof: StateProof): Uint8Array {
  return encodeCbor(stateProof.encode(proof));
}

/** Codes: `cbor.*`, `message.shape`. */
export function decodeStateProof(
  data: Uint8Array,
): { readonly ok: true; readonly proof: StateProof } | Refusal {
  try {
    return { ok: true, proof: stateProof.decode(decodeCbor(data), "") };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return refuse(error.code, `state proof: ${error.message}`);
    }
    throw error;
  }
}

/** A proof or receipt as people's tools read it: byte strings in base64url. */
export function proofJson(proof: object): string {
  return JSON.stringify(
    proof,
    (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value,
    2,
  );
}
