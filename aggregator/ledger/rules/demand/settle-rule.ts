import { cost, type Micro, micro, utcMs, wh } from "@busbar/protocol";
import { addAccountEntry, type DemandOutcome } from "../../account-entries.ts";
import { postIfItFits } from "../../accounts.ts";
import { reportViolation } from "../../credit.ts";
import { type Demand, demandDues, demands, forgetDemand, putDemand } from "../../demand.ts";
import { creditChecks } from "../../exposure.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { slotMs } from "../market/timetable.ts";
import { waitMsMax } from "../market/waiting.ts";
import { prove } from "./prove.ts";
import { endDemand, endOf, freeSlots, spansOf } from "./span.ts";
import { drawnBy } from "./usual.ts";

/** What a community tolerates where its credit terms do not say it, thousandths. */
const toleranceUsual = 100;

/**
 * Orders whose time has come: an offer that nobody took lapses; a contract is proven by the meters of its
 * owner once they know all of its slots. What was drawn less than usual, as far as it was ordered, is
 * paid by who ordered it; a contract that was not kept is on the owner's credit report. Meters that
 * stay silent for a month prove nothing: nothing is paid, and nobody is blamed.
 */
export const demandRule: BlockRule = {
  name: "demand",
  due: () => false,
  run(context) {
    const { state, time } = context;
    for (const [key, { at }] of [...demandDues.scan(state)]) {
      if (at > time) return;
      const order = key.slice(key.indexOf("/") + 1);
      const demand = demands.get(state, order);
      if (demand !== undefined) look(context, order, demand);
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

function settle(context: BlockContext, order: string, demand: Demand): void {
  const { state, time, parameters, emit } = context;
  const drawn = spansOf(context, demand).map((span) =>
    span.map((slot) => drawnBy(context, demand.owner, slot)),
  );
  const isKnown = drawn.every((span) => span.every((one) => one !== undefined));
  if (!isKnown && time < endOf(context, demand) + waitMsMax) {
    return putDemand(state, order, { ...demand, dueAt: utcMs(time + slotMs(parameters)) });
  }
  const [during = [], later = []] = drawn.map((span) => span.map((one) => one ?? 0));
  const proof = isKnown ? prove(demand, { during, later }, slotMs(parameters)) : undefined;
  const { by, owner, device, energy, slots } = demand;
  const deliveredWh = proof?.deliveredWh ?? 0;
  const money = pay(context, demand, deliveredWh);
  endDemand(context, order, { ...demand, status: "settled", deliveredWh: wh(deliveredWh), money });
  const tolerated = parameters.credit?.tolerancePermille ?? toleranceUsual;
  const least = Math.ceil((energy * slots * (1000 - tolerated)) / 1000);
  const kept =
    proof === undefined ? null : proof.withinLimit && (proof.isLimit || deliveredWh >= least);
  note(context, demand, {
    order: new Uint8Array(Buffer.from(order, "hex")),
    slot: demand.slot,
    slots,
    orderedWh: wh(energy * slots),
    deliveredWh: wh(deliveredWh),
    price: demand.price,
    word: kept === null ? "unproven" : kept ? "kept" : "unkept",
    height: demand.height,
    money,
  });
  emit({
    type: "demand-settled",
    ...{
      order,
      by,
      owner,
      device,
      slot: demand.slot,
      slots,
      orderedWh: energy * slots,
      deliveredWh,
    },
    ...{ amount: money, kept },
  });
  if (kept !== false) return;
  const reason = `order ${order} for slot ${demand.slot}: ${deliveredWh} of ${energy * slots} Wh are proven`;
  reportViolation(context, { id: owner, kind: "order-unkept", reason });
}

/** From who ordered to who did it; nothing where an account would leave its range. */
function pay({ state, time }: BlockContext, { by, owner, price }: Demand, deliveredWh: number) {
  const money = cost(price, wh(deliveredWh));
  const posted = postIfItFits(state, [
    { owner, side: "sales", money, energyWh: 0 },
    { owner: by, side: "purchase", money: micro(0 - money), energyWh: 0 },
  ]);
  for (const id of [by, owner]) creditChecks.set(state, id, { at: time });
  return posted ? money : micro(0);
}

/** On both accounts, also where nothing was paid: what became of an order stands on the bills. */
function note(
  context: BlockContext,
  { by, owner }: Demand,
  { money, ...demand }: DemandOutcome & { readonly money: Micro },
): void {
  addAccountEntry(context, owner, { sort: "demand", money, with: by, demand });
  addAccountEntry(context, by, { sort: "demand", money: micro(0 - money), with: owner, demand });
}
