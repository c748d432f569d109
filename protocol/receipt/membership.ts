import { encodeCbor } from "../cbor/encode.ts";
import { compareBytes } from "../cbor/value.ts";
import { toBeSigned, type Verify } from "../envelope/envelope.ts";
import { keyId } from "../envelope/key-id.ts";
import type { Refusal } from "../refusal.ts";
import { sha256 } from "../sha256.ts";
import type { Certificate } from "./block.ts";

/** A member of the consortium as far as proofs need it. */
export type Member = { readonly id: string; readonly key: Uint8Array; readonly voting: boolean };

/** Whom a proof is checked against. */
export type Membership = { readonly chain: string; readonly members: readonly Member[] };

/** A membership as its file pins it; the first council of the chain where it does not say which. */
export type PinnedMembership = Membership & {
  readonly epoch?: number;
  /** The first height on which these vote. */
  readonly since?: number;
};

/** Votes that bind n members: ⌈(n + f + 1) / 2⌉ with f = ⌊(n − 1) / 3⌋. Not 2f + 1, which is unsafe
 * for n = 5, 6, 8, 9 (two such quorums may share only faulty members). */
export function quorum(n: number): number {
  const f = Math.floor((n - 1) / 3);
  return Math.ceil((n + f + 1) / 2);
}

/** Names a voting set: SHA-256 over the sorted keys of its members. */
export function validatorsHash(members: readonly Member[]): Uint8Array {
  const keys = members.filter(({ voting }) => voting).map(({ key }) => key);
  return sha256(encodeCbor([...keys].sort(compareBytes)));
}

const kids = new WeakMap<Uint8Array, Uint8Array>();

/** A key's id, computed once for the very bytes: a council's are the same for many blocks. It finds a
 * member among others; what counts is that its key verifies. */
function kidOf(key: Uint8Array): Uint8Array {
  const known = kids.get(key);
  if (known !== undefined) return known;
  const kid = keyId(key);
  kids.set(key, kid);
  return kid;
}

/**
 * Whether a quorum of the members signed these header bytes; codes `certificate.*`. A key counts
 * once, an unknown key not at all.
 */
export function verifyCertificate(
  header: Uint8Array,
  certificate: Certificate,
  membership: Membership,
  verify: Verify,
): { readonly ok: true; readonly signers: readonly string[] } | Refusal {
  const voting = membership.members.filter((member) => member.voting);
  const needed = quorum(voting.length);
  const signers = new Set<string>();
  for (const { kid, signature } of certificate) {
    const member = voting.find(({ key }) => compareBytes(kidOf(key), kid) === 0);
    if (member === undefined || signers.has(member.id)) continue;
    const message = toBeSigned(header, kid, { chain: membership.chain, kind: "block" });
    if (!verify(signature, message, member.key)) {
      return {
        ok: false,
        code: "certificate.signature",
        message: `the signature of member ${member.id} does not fit the header`,
      };
    }
    signers.add(member.id);
  }
  if (voting.length === 0 || signers.size < needed) {
    return {
      ok: false,
      code: "certificate.quorum",
      message: `expected ${needed} of ${voting.length} members' signatures, got ${signers.size}`,
    };
  }
  return { ok: true, signers: [...signers] };
}
