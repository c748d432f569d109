import { field, int, record } from "@busbar/protocol/schema";
import { reportViolation, strike, type Violation } from "./credit.ts";
import type { BlockContext } from "./rule.ts";
import { slotKey } from "./settlements.ts";
import { table } from "./state/table.ts";

/**
 * `judged/<slot>/<owner>/<kind>`: violations that a slot's energy proved, and the block that reported each; as long as
 * the slot.
 */
export const judged = table(
  "judged",
  record("judged", { height: field(1, int(1, Number.MAX_SAFE_INTEGER)) }),
);

/** What an owner did in a slot, as its energy is known now. */
export type Verdict = {
  readonly slot: number;
  readonly owner: string;
  readonly kind: Violation;
  readonly isBroken: boolean;
  readonly reason: string;
};

/**
 * Judges an owner's slot by its energy, and again whenever that becomes known better: a violation is reported once, and
 * taken back where it turns out to be none. One that the report shows no more (it has newer ones) stays as it is.
 */
export function judge(context: BlockContext, verdict: Verdict): void {
  const { state, height } = context;
  const { slot, owner, kind, isBroken } = verdict;
  const key = `${slotKey(slot)}/${owner}/${kind}`;
  const before = judged.get(state, key);
  if (isBroken === (before !== undefined)) return;
  const about = `slot ${slot}: `;
  if (before === undefined) {
    reportViolation(context, { id: owner, kind, reason: `${about}${verdict.reason}` });
    judged.set(state, key, { height });
    return;
  }
  strike(context, { account: owner, height: before.height, kind, about });
  judged.delete(state, key);
}
