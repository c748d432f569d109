import type { UtcMs } from "@busbar/protocol";
import type { SlotPrices } from "../ledger/events.ts";
import { type Parameters, parametersTable } from "../ledger/parameters.ts";
import { cursors, type Slot, slotKey, slots } from "../ledger/rules/market/tables.ts";
import { slotMs, timetable } from "../ledger/rules/market/timetable.ts";
import type { StateReader } from "../ledger/state/state.ts";

/** What stands retained on `market/prices`: the slot that was opened or cleared last. Prices are
 * 10⁻⁶ currency/kWh; null is "not traded". */
export type PriceMessage = {
  readonly slot: number;
  readonly start: number;
  readonly end: number;
  readonly horizon: "hour-ahead";
  readonly stage: Slot["stage"];
  readonly prices: Readonly<Record<keyof SlotPrices, { readonly micro: number } | null>>;
  readonly source: "colony";
  readonly clearing: number | null;
  readonly feedIn: number;
  readonly retail: number;
  readonly gate: number;
  readonly revealUntil: number;
  readonly height: number;
};

/** The message of one slot as the state holds it. */
export function priceMessage(
  slot: { readonly start: UtcMs; readonly record: Slot },
  parameters: Parameters,
  height: number,
): PriceMessage {
  const { start, record } = slot;
  const { gate, clearing, end } = timetable(start, parameters);
  const price = (micro: number | undefined) => (micro === undefined ? null : { micro });
  const { cg, cu, gc, gu } = record.prices;
  return {
    slot: start,
    start,
    end,
    horizon: "hour-ahead",
    stage: record.stage,
    prices: { cg: price(cg), cu: price(cu), gc: price(gc), gu: price(gu) },
    source: "colony",
    clearing: record.clearing ?? null,
    feedIn: parameters.feedIn,
    retail: parameters.retail,
    gate,
    revealUntil: clearing,
    height,
  };
}

/** The newest slot of the state: what a broker that starts anew has to tell. */
export function newestSlot(state: StateReader): { start: UtcMs; record: Slot } | undefined {
  const next = cursors.get(state, "open")?.next;
  const parameters = parametersTable.get(state, "current");
  if (next === undefined || parameters === undefined) return undefined;
  const start = (next - slotMs(parameters)) as UtcMs;
  const record = slots.get(state, slotKey(start));
  return record === undefined ? undefined : { start, record };
}
