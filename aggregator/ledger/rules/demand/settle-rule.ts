import { type Micro, micro, utcMs, wh } from "@busbar/protocol";
import { addAccountEntry } from "../../account-entries.ts";
import { postIfItFits } from "../../accounts.ts";
import {
  type Demand,
  demandAgain,
  demandDues,
  demands,
  forgetDemand,
  putDemand,
} from "../../demand.ts";
import { creditChecks } from "../../exposure.ts";
import { judge } from "../../judged.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { slotMs } from "../market/timetable.ts";
import { waitMsMax } from "../market/waiting.ts";
import { findOutcome, type Outcome, unproven } from "./outcome.ts";
import { endDemand, endOf, freeSlots } from "./span.ts";

/**
 * Orders whose time has come: an offer that nobody took lapses; a contract is proven by the meters of its
 * owner once they know all of its slots. What was drawn less than usual, as far as it was ordered, is
 * paid by who ordered it; a contract that was not kept is on the owner's credit report. Meters that
 * stay silent for a month, or whose readings lie further apart than a slot is long, prove nothing: nothing is paid, and
 * nobody is blamed. What late readings or the members' correction prove otherwise is posted as the difference.
 */
export const demandRule: BlockRule = {
  name: "demand",
  due: () => false,
  run(context) {
    const { state, time } = context;
    for (const [key, { at }] of [...demandDues.scan(state)]) {
      if (at > time) break;
      const order = key.slice(key.indexOf("/") + 1);
      const demand = demands.get(state, order);
      if (demand !== undefined) look(context, order, demand);
    }
    for (const [order] of [...demandAgain.scan(state)]) {
      demandAgain.delete(state, order);
      const demand = demands.get(state, order);
      if (demand?.status === "settled") settleAnew(context, order, demand);
    }
  },
};

function look(context: BlockContext, order: string, demand: Demand): void {
  const { state, emit } = context;
  const { status, owner, device, by } = demand;
  switch (status) {
    case "offered":
      endDemand(context, order, { ...demand, status: "lapsed" });
      emit({ type: "demand-answered", order, owner, device, by, status: "lapsed", reason: null });
      return;
    case "contracted":
    case "acknowledged":
      return settle(context, order, demand);
    case "settled":
      freeSlots(context, order, demand);
      return forgetDemand(state, order);
    case "refused":
    case "lapsed":
      return forgetDemand(state, order);
    default:
      return status satisfies never;
  }
}

/** Proves a contract once its meters know all of it, or will not any more, and pays for it. */
function settle(context: BlockContext, order: string, demand: Demand): void {
  const { time, parameters } = context;
  const found = findOutcome(context, demand);
  if (found === "pending" && time < endOf(context, demand) + waitMsMax) {
    return putDemand(context.state, order, {
      ...demand,
      dueAt: utcMs(time + slotMs(parameters)),
    });
  }
  const outcome = found === "pending" ? unproven : found;
  const money = pay(context, demand, outcome.money) ? outcome.money : micro(0);
  const settled = { ...demand, ...outcome, money, status: "settled" } as const;
  endDemand(context, order, settled);
  tell(context, order, { settled, posted: money });
}

/**
 * Proves a settled order once more, as its meters are known now: what was posted is the difference. Nothing happens where
 * they prove no more than before.
 */
function settleAnew(context: BlockContext, order: string, before: Demand): void {
  const found = findOutcome(context, before);
  if (found === "pending" || found.word === "unproven") return;
  const { money: paid = micro(0), deliveredWh = 0 } = before;
  const difference = micro(found.money - paid);
  const isSame = difference === 0 && found.deliveredWh === deliveredWh;
  if (isSame && found.word === (before.word ?? found.word)) return;
  if (!pay(context, before, difference)) return;
  const settled = { ...before, ...found };
  putDemand(context.state, order, settled);
  tell(context, order, { settled, posted: difference, corrects: paid });
}

/** From who ordered to who did it, or back; false where an account would leave its range. */
function pay({ state, time }: BlockContext, { by, owner }: Demand, money: Micro): boolean {
  const posted = postIfItFits(state, [
    { owner, side: "sales", money, energyWh: 0 },
    { owner: by, side: "purchase", money: micro(0 - money), energyWh: 0 },
  ]);
  for (const id of [by, owner]) creditChecks.set(state, id, { at: time });
  return posted;
}

type Told = {
  readonly settled: Demand & Outcome;
  readonly posted: Micro;
  readonly corrects?: Micro;
};

/** On both accounts, also where nothing was paid, and on the owner's credit report where it was not kept. */
function tell(context: BlockContext, order: string, { settled, posted, corrects }: Told): void {
  const { by, owner, device, energy, slot, slots, price, height } = settled;
  const { deliveredWh, word, money } = settled;
  const orderedWh = wh(energy * slots);
  const about = { slot, slots, orderedWh, deliveredWh } as const;
  const demand = {
    order: new Uint8Array(Buffer.from(order, "hex")),
    ...{ ...about, price, word, height },
    ...(corrects === undefined ? {} : { corrects }),
  };
  const back = micro(0 - posted);
  addAccountEntry(context, owner, { sort: "demand", money: posted, with: by, demand });
  addAccountEntry(context, by, { sort: "demand", money: back, with: owner, demand });
  const kept = word === "unproven" ? null : word === "kept";
  const difference = corrects === undefined ? {} : { difference: posted };
  context.emit({
    type: "demand-settled",
    ...{ order, by, owner, device, ...about, amount: money, kept, ...difference },
  });
  judge(context, {
    ...{ slot, owner, kind: "order-unkept", isBroken: kept === false },
    reason: `order ${order}: ${deliveredWh} of ${orderedWh} Wh are proven`,
  });
}
