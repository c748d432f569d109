import { decodeCbor } from "../cbor/decode.ts";
import { type CborWriter, encodeBy } from "../cbor/encode.ts";
import { CborError, type CborValue } from "../cbor/value.ts";
import type { Verify } from "../envelope/envelope.ts";
import type { Refusal } from "../refusal.ts";
import { array, int, pair, SchemaError } from "../schema/codec.ts";
import type { BlockHeader } from "./block.ts";
import {
  type ConsistencyProof,
  consistencyProof,
  verifyConsistencyProof,
} from "./consistency-proof.ts";
import { CouncilChain } from "./council-chain.ts";
import type { Membership, PinnedMembership } from "./membership.ts";
import { type Receipt, receipt, verifyReceipt } from "./receipt.ts";
import {
  type CertifiedEvent,
  type ResultProof,
  resultProof,
  verifyResultProof,
} from "./result-proof.ts";
import { type StateProof, stateProof, verifyStateProof } from "./state-proof.ts";

/** A proof as it is handed on: what it is, and its content. A payment is an event of a result. */
export type Proof =
  | { readonly kind: "receipt"; readonly receipt: Receipt }
  | { readonly kind: "state"; readonly state: StateProof }
  | { readonly kind: "result"; readonly result: ResultProof }
  | { readonly kind: "payment"; readonly result: ResultProof; readonly event: number }
  | { readonly kind: "consistency"; readonly consistency: ConsistencyProof };

/** What a proof proves, with the certified block and the members that signed it. */
export type Proved = {
  readonly ok: true;
  readonly kind: Proof["kind"];
  readonly header: BlockHeader;
  readonly signers: readonly string[];
  /** Of a result and a payment. */
  readonly events?: readonly CertifiedEvent[];
  /** Of a state: which key, and what it holds, or nothing. */
  readonly key?: string;
  readonly value?: Uint8Array;
  /** Of a consistency: blocks of the certified one's chain. */
  readonly headers?: readonly BlockHeader[];
};

const payment = pair(resultProof, int(0, 0xffff_ffff));

/** The events that move money. */
const payments = new Set([
  "contract-settled",
  "imbalance-settled",
  "settlement-corrected",
  "charges-settled",
]);

/** Steps from voters to voters that a proof may carry: more than a consortium changes in its life. */
const stepList = array(stateProof, 1, 0xffff);

/** CBOR `[kind, content]`, with a third part where steps lead to the voters that signed:
 * `[kind, content, [step …]]`. */
export function encodeProof(proof: Proof, steps: readonly StateProof[] = []): Uint8Array {
  return encodeBy((out) => {
    out.list(steps.length === 0 ? 2 : 3);
    out.text(proof.kind);
    writeBody(out, proof);
    if (steps.length > 0) stepList.write(out, steps);
  });
}

/** Codes: `cbor.*`, `message.shape`, `proof.unknown-kind`. */
export function decodeProof(
  data: Uint8Array,
): { readonly ok: true; readonly proof: Proof; readonly steps: readonly StateProof[] } | Refusal {
  try {
    const value = decodeCbor(data);
    const fits = Array.isArray(value) && (value.length === 2 || value.length === 3);
    const [kind, body, carried] = fits ? (value as CborValue[]) : [];
    const proof = proofOf(kind, body);
    const steps = carried === undefined ? [] : stepList.decode(carried, "steps");
    if (proof !== undefined) return { ok: true, proof, steps };
    const message = "expected a receipt, state, result, payment or consistency proof";
    return { ok: false, code: "proof.unknown-kind", message };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `proof: ${error.message}` };
    }
    throw error;
  }
}

/**
 * Checks any proof against the members' keys and nothing else; pure, the same in Node and a browser.
 * Codes: those of `verifyReceipt`, `verifyStateProof`, `verifyResultProof`, `verifyConsistencyProof`,
 * and `proof.event` for a payment that is none.
 */
export function verifyProof(
  proof: Proof,
  membership: Membership,
  verify: Verify,
): Proved | Refusal {
  const { kind } = proof;
  switch (proof.kind) {
    case "receipt": {
      const checked = verifyReceipt(proof.receipt, membership, verify);
      return checked.ok ? { ...checked, kind } : checked;
    }
    case "state": {
      const { header, key, value } = proof.state;
      const checked = verifyStateProof(proof.state, membership, verify);
      if (!checked.ok) return checked;
      return { ...checked, kind, header, key, ...(value === undefined ? {} : { value }) };
    }
    case "result": {
      const checked = verifyResultProof(proof.result, membership, verify);
      return checked.ok ? { ...checked, kind, header: proof.result.header } : checked;
    }
    case "payment": {
      const { header } = proof.result;
      const checked = verifyResultProof(proof.result, membership, verify);
      if (!checked.ok) return checked;
      const event = checked.events[proof.event];
      if (event !== undefined && payments.has(event.type)) {
        return { ...checked, kind, header, events: [event] };
      }
      return { ok: false, code: "proof.event", message: `event ${proof.event} moves no money` };
    }
    case "consistency": {
      const { header } = proof.consistency.head;
      const checked = verifyConsistencyProof(proof.consistency, membership, verify);
      return checked.ok ? { ...checked, kind, header } : checked;
    }
    default:
      return proof satisfies never;
  }
}

/**
 * As `verifyProof`, for a chain whose voters may have changed since the membership was pinned: the
 * steps are followed from there to whoever voted at the proof's height. Codes besides: those of
 * `verifyCouncilStep`, and `proof.earlier` for a block from before the pinned voters.
 */
export function verifyProofFrom(
  { proof, steps }: { readonly proof: Proof; readonly steps: readonly StateProof[] },
  pinned: PinnedMembership,
  verify: Verify,
): Proved | Refusal {
  const { chain, members, epoch = 0, since = 1 } = pinned;
  const { height } = headerOfProof(proof);
  if (height < since) {
    const message = `it is of block ${height}, and this membership votes from ${since} on: take the file of an earlier time, as init wrote it`;
    return { ok: false, code: "proof.earlier", message };
  }
  const voters = members.filter(({ voting }) => voting).map(({ id, key }) => ({ id, key }));
  const councils = new CouncilChain(chain, { epoch, since, voters });
  for (const step of steps) {
    const taken = councils.take(step, verify);
    if (!taken.ok) return taken;
  }
  return verifyProof(proof, councils.membershipAt(height), verify);
}

/** The block that the proof rests on. */
export function headerOfProof(proof: Proof): BlockHeader {
  switch (proof.kind) {
    case "receipt":
      return proof.receipt.header;
    case "state":
      return proof.state.header;
    case "result":
    case "payment":
      return proof.result.header;
    case "consistency":
      return proof.consistency.head.header;
    default:
      return proof satisfies never;
  }
}

function writeBody(out: CborWriter, proof: Proof): void {
  switch (proof.kind) {
    case "receipt":
      return receipt.write(out, proof.receipt);
    case "state":
      return stateProof.write(out, proof.state);
    case "result":
      return resultProof.write(out, proof.result);
    case "payment":
      return payment.write(out, [proof.result, proof.event]);
    case "consistency":
      return consistencyProof.write(out, proof.consistency);
    default:
      return proof satisfies never;
  }
}

function proofOf(kind: CborValue | undefined, body: CborValue | undefined): Proof | undefined {
  switch (kind) {
    case "receipt":
      return { kind, receipt: receipt.decode(body, kind) };
    case "state":
      return { kind, state: stateProof.decode(body, kind) };
    case "result":
      return { kind, result: resultProof.decode(body, kind) };
    case "payment": {
      const [result, event] = payment.decode(body, kind);
      return { kind, result, event };
    }
    case "consistency":
      return { kind, consistency: consistencyProof.decode(body, kind) };
    default:
      return undefined;
  }
}
