import { type DemandState, demandTable, kinds, type UtcMs } from "@busbar/protocol";
import { bytes, demandState, field, instant, int, price, record } from "@busbar/protocol/schema";
import { slotKey } from "./settlements.ts";
import type { State } from "./state/state.ts";
import { table } from "./state/table.ts";

/** `demand/<order's id, hex>`: as long as its slots. */
export const demands = table(demandTable, demandState);
export type Demand = DemandState;

/** `demand-due/<instant, 15 digits>/<order>`: when an order is looked at next. */
export const demandDues = table("demand-due", record("demand-due", { at: field(1, instant) }));

/** `demand-slot/<owner>/<slot>`: which order an owner's slot is under; one at most. */
export const demandSlots = table(
  "demand-slot",
  record("demand-slot", { order: field(1, bytes(16)) }),
);

/** `demand-again/<order>`: settled orders whose energy is known better, proven anew at the end of the block. */
export const demandAgain = table(
  "demand-again",
  record("demand-again", { slot: field(1, instant) }),
);

/** Asks for the order that an owner's slot is under to be proven anew, where it was settled. */
export function askToProve(state: State, { owner, slot }: { owner: string; slot: UtcMs }): void {
  const mark = demandSlots.get(state, demandSlotId(owner, slot));
  if (mark === undefined) return;
  const order = Buffer.from(mark.order).toString("hex");
  if (demands.get(state, order)?.status === "settled") demandAgain.set(state, order, { slot });
}

/** `demand-mandate/<device>`: what its owner lets others order, as it signed it last. */
export const demandMandates = table(
  "demand-mandate",
  // A ledger may hold one from when a mandate could name a price of nothing.
  record("demand-mandate-entry", { ...kinds["demand-mandate"].fields, priceMin: field(6, price) }),
);

/** Offers that one owner may have open at a time. */
export const offersMax = 64;

/** `demand-offers/<owner>`: how many of its offers nobody has answered yet; none where it is 0. */
export const demandOffers = table(
  "demand-offers",
  record("demand-offers", { open: field(1, int(1, offersMax)) }),
);

/** Counts one more offer; false, and nothing is counted, where there are as many as may be. */
export function openOffer(state: State, by: string): boolean {
  const open = demandOffers.get(state, by)?.open ?? 0;
  if (open >= offersMax) return false;
  demandOffers.set(state, by, { open: open + 1 });
  return true;
}

/** Counts an offer no longer. */
export function closeOffer(state: State, by: string): void {
  const open = demandOffers.get(state, by)?.open ?? 0;
  if (open > 1) demandOffers.set(state, by, { open: open - 1 });
  else demandOffers.delete(state, by);
}

/** Writes an order, and when it is looked at next. */
export function putDemand(state: State, order: string, demand: Demand): void {
  const before = demands.get(state, order)?.dueAt;
  if (before !== undefined) demandDues.delete(state, dueId(before, order));
  demands.set(state, order, demand);
  demandDues.set(state, dueId(demand.dueAt, order), { at: demand.dueAt });
}

/** Takes an order out of the state. */
export function forgetDemand(state: State, order: string): void {
  const demand = demands.get(state, order);
  if (demand === undefined) return;
  demandDues.delete(state, dueId(demand.dueAt, order));
  demands.delete(state, order);
}

function dueId(at: number, order: string): string {
  return `${slotKey(at)}/${order}`;
}

export function demandSlotId(owner: string, slot: number): string {
  return `${owner}/${slotKey(slot)}`;
}
