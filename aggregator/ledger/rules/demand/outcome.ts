import { cost, type Micro, micro, type Wh, wh } from "@busbar/protocol";
import type { Demand } from "../../demand.ts";
import { parametersOf } from "../../parameters.ts";
import type { BlockContext } from "../../rule.ts";
import { slotMs } from "../market/timetable.ts";
import { prove } from "./prove.ts";
import { spansOf } from "./span.ts";
import { drawnBy, isApartIn } from "./usual.ts";

/** What became of an order: `unproven` where its meters do not say it. */
export type Outcome = {
  readonly word: "kept" | "unkept" | "unproven";
  readonly deliveredWh: Wh;
  readonly money: Micro;
};

export const unproven: Outcome = { word: "unproven", deliveredWh: wh(0), money: micro(0) };

/** What a community tolerates where its credit terms do not say it, thousandths. */
const toleranceUsual = 100;

/**
 * What the owner's meters prove of an order now, by the tolerance of its first slot; pending while one of its slots is
 * not known. Where readings lie further apart than a slot is long, energy is shared out by time alone: that proves
 * nothing.
 */
export function findOutcome(
  context: Pick<BlockContext, "state" | "parameters">,
  demand: Demand,
): Outcome | "pending" {
  const { owner, slot, slots, energy, price } = demand;
  const spans = spansOf(context, demand);
  const drawn = spans.map((span) => span.map((start) => drawnBy(context, owner, start)));
  if (drawn.some((span) => span.some((one) => one === undefined))) return "pending";
  if (spans.flat().some((start) => isApartIn(context, owner, start))) return unproven;
  const [during = [], later = []] = drawn.map((span) => span.map((one) => one ?? 0));
  const proof = prove(demand, { during, later }, slotMs(context.parameters));
  const { credit } = parametersOf(context.state, slot);
  const tolerated = credit?.tolerancePermille ?? toleranceUsual;
  const least = Math.ceil((energy * slots * (1000 - tolerated)) / 1000);
  const kept = proof.withinLimit && (proof.isLimit || proof.deliveredWh >= least);
  const deliveredWh = wh(proof.deliveredWh);
  return { word: kept ? "kept" : "unkept", deliveredWh, money: cost(price, deliveredWh) };
}
