import { field, int, optional, record } from "@busbar/protocol/schema";
import { creditReports, reportViolation, strike, type Violation } from "./credit.ts";
import type { BlockContext } from "./rule.ts";
import { slotKey } from "./settlements.ts";
import type { State } from "./state/state.ts";
import { table } from "./state/table.ts";

/**
 * `judged/<slot>/<owner>/<kind>`: violations that a slot's energy proved, and the block that reported each; as long as
 * the slot.
 */
export const judged = table(
  "judged",
  record("judged", {
    height: field(1, int(1, Number.MAX_SAFE_INTEGER)),
    /** How often the owner's report had faded by then; absent: never. */
    fades: optional(2, int(1, Number.MAX_SAFE_INTEGER)),
    /** 1 where the members found it to be none: nothing is left of it to take back. */
    struck: optional(3, int<1>(1, 1)),
  }),
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
 * taken back where it turns out to be none, also where the report shows newer ones alone.
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
    const { fades } = creditReports.get(state, owner) ?? {};
    judged.set(state, key, { height, ...(fades === undefined ? {} : { fades }) });
    return;
  }
  const { fades = 0, struck } = before;
  if (struck !== 1) strike(context, { account: owner, height: before.height, kind, about, fades });
  judged.delete(state, key);
}

/** Notes that the members found a violation to be none: of `reason` as it stood on the report. */
export function noteStruck(
  state: State,
  {
    owner,
    kind,
    reason,
  }: { readonly owner: string; readonly kind: Violation; readonly reason: string },
): void {
  const [, slot] = /^slot (\d+): /.exec(reason) ?? [];
  if (slot === undefined) return;
  const key = `${slotKey(Number(slot))}/${owner}/${kind}`;
  const before = judged.get(state, key);
  if (before !== undefined) judged.set(state, key, { ...before, struck: 1 });
}
