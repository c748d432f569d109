import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import type { Verify } from "../envelope/envelope.ts";
import type { Refusal } from "../refusal.ts";
import { SchemaError } from "../schema/codec.ts";
import { type Council, council, councilTable, membershipOf } from "./council.ts";
import type { Membership } from "./membership.ts";
import { type StateProof, verifyStateProof } from "./state-proof.ts";

/**
 * The council that a step leads to from the one before it: the entry of the next epoch in the state
 * after the last block of the old one, under the old council's own certificate. So each council is
 * named by the one that it follows, and nobody else's word is needed.
 *
 * Codes, in order: `step.order` (not the next epoch's), `proof.*`, `certificate.*`, `cbor.*`,
 * `message.shape`, `step.height`.
 */
export function verifyCouncilStep(
  step: StateProof,
  {
    chain,
    from,
    verify,
  }: { readonly chain: string; readonly from: Council; readonly verify: Verify },
): { readonly ok: true; readonly council: Council } | Refusal {
  const { key, value, header } = step;
  const wanted = `${councilTable}/${from.epoch + 1}`;
  if (key !== wanted || value === undefined) {
    const message = `expected the step to ${wanted}, got ${value === undefined ? "no" : ""} ${key}`;
    return { ok: false, code: "step.order", message };
  }
  const checked = verifyStateProof(step, membershipOf(chain, from), verify);
  if (!checked.ok) return checked;
  try {
    const next = council.decode(decodeCbor(value), "council");
    const { height } = header;
    if (next.epoch === from.epoch + 1 && next.since === height + 1 && height >= from.since) {
      return { ok: true, council: next };
    }
    const message = `a council since ${next.since} is named by block ${next.since - 1}, in the epoch from ${from.since} on; this is block ${height}`;
    return { ok: false, code: "step.height", message };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `council: ${error.message}` };
    }
    throw error;
  }
}

/**
 * The councils of a chain from a pinned one on, as far as steps were shown: whom a block of any
 * height is checked against. It only ever grows.
 */
export class CouncilChain {
  readonly chain: string;
  readonly #councils: Council[];

  constructor(chain: string, pinned: Council) {
    this.chain = chain;
    this.#councils = [pinned];
  }

  get newest(): Council {
    return this.#councils.at(-1) as Council;
  }

  /** Every council that is known, the pinned one first. */
  get councils(): readonly Council[] {
    return this.#councils;
  }

  /** Follows a step from the newest council. One that was followed before is nothing new, whatever
   * it says. Codes: those of `verifyCouncilStep`. */
  take(
    step: StateProof,
    verify: Verify,
  ): { readonly ok: true; readonly learned: boolean } | Refusal {
    const epoch = epochOf(step);
    if (epoch !== undefined && epoch <= this.newest.epoch) return { ok: true, learned: false };
    const checked = verifyCouncilStep(step, { chain: this.chain, from: this.newest, verify });
    if (!checked.ok) return checked;
    this.#councils.push(checked.council);
    return { ok: true, learned: true };
  }

  /** Whom a block of this height is checked against. A height from before the pinned council is
   * checked against that one, which proves nothing of another's blocks. */
  membershipAt(height: number): Membership {
    const found = this.#councils.findLast(({ since }) => since <= height) ?? this.#councils[0];
    return membershipOf(this.chain, found as Council);
  }
}

/** The epoch that a step leads to, as it says itself. */
export function epochOf({ key }: StateProof): number | undefined {
  const epoch = key.startsWith(`${councilTable}/`)
    ? Number(key.slice(councilTable.length + 1))
    : NaN;
  return Number.isSafeInteger(epoch) && key === `${councilTable}/${epoch}` ? epoch : undefined;
}
