import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import type { Verify } from "../envelope/envelope.ts";
import { type MemberEntry, memberEntry, memberTable } from "../messages/members.ts";
import type { Refusal } from "../refusal.ts";
import { SchemaError } from "../schema/codec.ts";
import type { Membership } from "./membership.ts";
import { type StateProof, verifyStateProof } from "./state-proof.ts";

/**
 * A member's entry that a certified block proves: who it is, and where its broker is reached. Codes, in
 * order: `proof.key` (no member's, or of nobody), `proof.chain`, `proof.path`, `certificate.*`,
 * `cbor.*`, `message.shape`.
 */
export function verifyMemberProof(
  proof: StateProof,
  membership: Membership,
  verify: Verify,
): { readonly ok: true; readonly member: MemberEntry } | Refusal {
  const { key, value } = proof;
  if (!key.startsWith(`${memberTable}/`) || value === undefined) {
    const message = `expected the entry of a member, got ${value === undefined ? "none at" : "that of"} ${key}`;
    return { ok: false, code: "proof.key", message };
  }
  const checked = verifyStateProof(proof, membership, verify);
  if (!checked.ok) return checked;
  try {
    return { ok: true, member: memberEntry.decode(decodeCbor(value), "") };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `member: ${error.message}` };
    }
    throw error;
  }
}
