import { micro } from "@busbar/protocol";
import { addAccountEntry } from "../../account-entries.ts";
import { balanceOf, moneyOf, openAccount, post } from "../../accounts.ts";
import { keptBy, releaseCollateral } from "../../collateral.ts";
import { creditDecays, fade, reportViolation } from "../../credit.ts";
import { covered, creditChecks, defaults } from "../../exposure.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { isBalancing } from "./balancing.ts";

/**
 * Lets the points of credit reports fade, and looks after each block at the accounts that it posted to.
 *
 * Default: an account whose balance, collateral and credit line together are below 0. Its collateral is
 * taken for what it owes, its credit report counts a non-payment, and it buys nothing more in the
 * market until its balance is 0 or more: its bids are refused. It may sell. Who sold to it was paid;
 * what is not covered stays as its debt, and energy that it draws all the same is imbalance. Collateral that a
 * bureau keeps for others covers what it owes for having got it, until it is taken or handed back.
 */
export const creditRule: BlockRule = {
  name: "credit",
  due: () => false,
  run(context) {
    const { state } = context;
    if (!creditDecays.scan(state)[Symbol.iterator]().next().done) fade(context);
    for (const [owner] of [...creditChecks.scan(state)]) {
      creditChecks.delete(state, owner);
      check(context, owner);
    }
  },
};

function check(context: BlockContext, owner: string): void {
  const { state, parameters, time, emit } = context;
  const { credit } = parameters;
  // The bureau that balances is who others settle with; a site may also have done without terms since.
  if (credit === undefined || owner.startsWith("~") || isBalancing(state, owner)) return;
  const isOut = defaults.get(state, owner) !== undefined;
  if (!isOut && covered(state, owner, credit.line) + keptBy(state, owner) >= 0) return;
  const seized = seize(context, owner);
  if (isOut) {
    if (seized > 0) emit({ type: "collateral-seized", owner, money: seized });
    if (balanceOf(state, owner) + keptBy(state, owner) < 0) return;
    defaults.delete(state, owner);
    emit({ type: "default-ended", owner });
    return;
  }
  defaults.set(state, owner, { since: time });
  const owed = -balanceOf(state, owner);
  emit({ type: "default-began", owner, owed, seized });
  const reason = `it owes ${owed} after ${seized} of collateral were taken`;
  reportViolation(context, { id: owner, kind: "non-payment", reason });
}

/** Takes collateral for what an account owes; what it does not need stays where it is. */
function seize(context: BlockContext, owner: string): number {
  const { state } = context;
  const money = Math.min(
    moneyOf(state, owner, "collateral"),
    Math.max(0, -balanceOf(state, owner)),
  );
  if (money <= 0) return 0;
  openAccount(state, owner, "paid");
  post(state, [
    { owner, side: "collateral", money: micro(-money), energyWh: 0 },
    { owner, side: "paid", money: micro(money), energyWh: 0 },
  ]);
  // Whoever kept it owes it to everybody now: the next block looks at that account.
  for (const bureau of releaseCollateral(state, { owner, money })) {
    creditChecks.set(state, bureau, { at: context.time });
  }
  addAccountEntry(context, owner, { sort: "seized", money: micro(money), with: owner });
  return money;
}
