import { cost, micro, utcMs, wh } from "@busbar/protocol";
import { postIfItFits } from "../../accounts.ts";
import { reportViolation } from "../../credit.ts";
import { type Demand, demandDues, demands, forgetDemand, putDemand } from "../../demand.ts";
import { creditChecks } from "../../exposure.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { slotMs } from "../market/timetable.ts";
import { waitMsMax } from "../market/waiting.ts";
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
      freeSlots(context, demand);
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
  const money = pay(context, demand, proof?.deliveredWh ?? 0);
  const { by, owner, device, energy, slots } = demand;
  const deliveredWh = proof?.deliveredWh ?? 0;
  endDemand(context, order, { ...demand, status: "settled", deliveredWh: wh(deliveredWh), money });
  const tolerated = parameters.credit?.tolerancePermille ?? toleranceUsual;
  const least = Math.ceil((energy * slots * (1000 - tolerated)) / 1000);
  const kept =
    proof === undefined ? null : proof.withinLimit && (proof.isLimit || deliveredWh >= least);
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

/**
 * What the meters prove: in each slot how much less than usual was drawn, no more than was ordered; under
 * a limit only where it was held; of a shift no more than was drawn above usual in the slots it leads to.
 */
export function prove(
  { usual, usualLater = [], energy, limitW, action }: Demand,
  { during, later }: { readonly during: readonly number[]; readonly later: readonly number[] },
  lengthMs: number,
) {
  const limitWh =
    limitW === undefined ? Number.POSITIVE_INFINITY : Math.ceil((limitW * lengthMs) / 3_600_000);
  let [less, more, withinLimit] = [0, 0, true];
  for (const [i, drawn] of during.entries()) {
    const held = drawn <= limitWh;
    withinLimit &&= held;
    if (held) less += Math.min(energy, Math.max(0, (usual[i] ?? 0) - drawn));
  }
  for (const [i, drawn] of later.entries()) more += Math.max(0, drawn - (usualLater[i] ?? 0));
  const deliveredWh = action === "shift" ? Math.min(less, more) : less;
  return { deliveredWh, withinLimit, isLimit: action === "limit" };
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
