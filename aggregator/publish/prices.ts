import type { Scale, UtcMs } from "@busbar/protocol";
import type { SlotPrices } from "../ledger/events.ts";
import { type Parameters, parametersOf } from "../ledger/parameters.ts";
import { dues, positions, type Slot, slotKey, slots } from "../ledger/rules/market/tables.ts";
import { timetable } from "../ledger/rules/market/timetable.ts";
import type { StateReader } from "../ledger/state/state.ts";

/** A slot at one of its gates, as `market/prices` and `market/gates` tell it. Prices are 10⁻⁶
 * currency/kWh; null is "not traded". */
export type PriceMessage = {
  readonly slot: number;
  readonly start: number;
  readonly end: number;
  /** Which of its gates: how long before delivery. */
  readonly horizon: Scale;
  /** Gates that the slot has after this one. */
  readonly gatesLeft: number;
  readonly stage: Slot["stage"];
  readonly prices: Readonly<Record<keyof SlotPrices, { readonly micro: number } | null>>;
  readonly source: "colony";
  /** Over a grid what sellers got on average; `feeders` says what each feeder's price is. */
  readonly clearing: number | null;
  readonly feeders?: readonly FeederPrice[];
  readonly feedIn: number;
  readonly retail: number;
  readonly gate: number;
  readonly revealUntil: number;
  readonly height: number;
};

/** A feeder of the grid (null: the busbar): its price, and what it was agreed to send to its parent. */
export type FeederPrice = {
  readonly feeder: string | null;
  readonly price: number | null;
  readonly sentWh: number;
};

/** A slot's feeders as JSON carries them; undefined where nothing was traded over a grid. */
export function feederPrices({ feeders }: Slot): readonly FeederPrice[] | undefined {
  return feeders?.map(({ feeder = null, price = null, sentWh }) => ({ feeder, price, sentWh }));
}

/** The message of one slot as the state holds it. */
export function priceMessage(
  slot: { readonly start: UtcMs; readonly record: Slot },
  parameters: Parameters,
  height: number,
): PriceMessage {
  const { start, record } = slot;
  const { passes, end } = timetable(start, parameters);
  const pass = passes[record.pass];
  if (pass === undefined) throw new RangeError(`slot ${start} has no gate ${record.pass}`);
  const price = (micro: number | undefined) => (micro === undefined ? null : { micro });
  const { cg, cu, gc, gu } = record.prices;
  const feeders = feederPrices(record);
  return {
    slot: start,
    start,
    end,
    horizon: pass.scale,
    gatesLeft: passes.length - 1 - record.pass,
    stage: record.stage,
    prices: { cg: price(cg), cu: price(cu), gc: price(gc), gu: price(gu) },
    source: "colony",
    clearing: record.clearing ?? null,
    ...(feeders === undefined ? {} : { feeders }),
    feedIn: parameters.feedIn,
    retail: parameters.retail,
    gate: pass.gate,
    revealUntil: pass.clearing,
    height,
  };
}

/** A slot's message; undefined where the state holds no such slot. */
export function pricesOfSlot(
  state: StateReader,
  start: UtcMs,
  height: number,
): PriceMessage | undefined {
  const record = slots.get(state, slotKey(start));
  if (record === undefined) return undefined;
  return priceMessage({ start, record }, parametersOf(state, start), height);
}

/** What stands retained on `market/gates`: every gate that takes quotes, the next to close first. */
export type GatesMessage = {
  readonly height: number;
  readonly timeZone: string;
  readonly gates: readonly PriceMessage[];
};

export function gatesMessage(state: StateReader, height: number): GatesMessage {
  const gates = Array.from(dues.scan(state), ([, due]) => due)
    .filter(({ stage }) => stage === "gate")
    .flatMap(({ slot }) => pricesOfSlot(state, slot, height) ?? []);
  const { timeZone } = parametersOf(state, gates[0]?.start ?? 0);
  return { height, timeZone, gates };
}

/** What stands retained on `owners/<owner>/positions`: Wh sold minus bought, by the slot's start. */
export type PositionsMessage = {
  readonly height: number;
  readonly slots: readonly { readonly slot: number; readonly soldWh: number }[];
};

export function positionsMessage(
  state: StateReader,
  owner: string,
  height: number,
): PositionsMessage {
  const own = Array.from(positions.scan(state, `${owner}/`), ([id, { soldWh }]) => ({
    slot: Number(id.slice(owner.length + 1)),
    soldWh,
  }));
  return { height, slots: own };
}

/** The newest slot that was opened or cleared for the last time: what a broker that starts anew has
 * to tell. */
export function newestSlot(state: StateReader): UtcMs | undefined {
  let newest: UtcMs | undefined;
  for (const [id, { pass }] of slots.scan(state)) {
    const start = Number(id) as UtcMs;
    if (pass === timetable(start, parametersOf(state, start)).passes.length - 1) newest = start;
  }
  return newest;
}
