import {
  CouncilChain,
  compareBytes,
  decodeStateProof,
  type Refusal,
  type Verify,
} from "@busbar/protocol";
import { councilOf, firstCouncil } from "./council.ts";
import type { CouncilStep } from "./council-step-table.ts";
import type { Genesis } from "./genesis.ts";
import type { Store } from "./store.ts";

/** The councils that steps led to from genesis on, and what was learned of the steps shown last. */
export type Followed = {
  readonly ok: true;
  readonly councils: CouncilChain;
  /** Those of `shown` that led on, to be kept. */
  readonly learned: readonly CouncilStep[];
};

/**
 * Follows the steps from the genesis's own voters on: first those that the store keeps, then those
 * that somebody shows. Nobody's word is needed: each council is named by the one before it.
 * Codes: `cbor.*`, `message.shape` and those of `verifyCouncilStep`, for the first step that proves
 * nothing.
 *
 * What this cannot know: members that left long ago, with a quorum of an old epoch among them, could
 * sign another continuation of it. Whoever trusts a genesis alone trusts that they do not.
 */
export function followCouncils(
  genesis: Genesis,
  steps: { readonly kept: readonly CouncilStep[]; readonly shown?: readonly Uint8Array[] },
  verify: Verify,
): Followed | Refusal {
  const councils = new CouncilChain(genesis.chain, firstCouncil(genesis.members));
  const learned: CouncilStep[] = [];
  for (const { proof } of steps.kept) {
    const taken = take(councils, proof, verify);
    if (!taken.ok) return taken;
  }
  for (const proof of steps.shown ?? []) {
    const taken = take(councils, proof, verify);
    if (!taken.ok) return taken;
    if (taken.learned) learned.push({ epoch: councils.newest.epoch, proof });
  }
  return { ok: true, councils, learned };
}

/** Why the steps that a store keeps do not lead from genesis to the voters in its state. */
export function faultInSteps(
  store: Pick<Store, "councilSteps" | "state">,
  genesis: Genesis,
  verify: Verify,
): string | undefined {
  const followed = followCouncils(genesis, { kept: store.councilSteps.after(0) }, verify);
  if (!followed.ok) return followed.message;
  const { epoch, voters } = councilOf(store.state);
  const { newest } = followed.councils;
  const same =
    newest.voters.length === voters.length &&
    newest.voters.every(({ id, key }, i) => {
      const other = voters[i];
      return other?.id === id && compareBytes(key, other.key) === 0;
    });
  if (newest.epoch === epoch && same) return undefined;
  return `they lead to the voters of epoch ${newest.epoch}, the state has those of epoch ${epoch}`;
}

function take(councils: CouncilChain, proof: Uint8Array, verify: Verify) {
  const decoded = decodeStateProof(proof);
  return decoded.ok ? councils.take(decoded.proof, verify) : decoded;
}
