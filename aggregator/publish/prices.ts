import type { Scale, UtcMs } from "@busbar/protocol";
import type { SlotPrices } from "../ledger/events.ts";
import { type Parameters, parametersOf } from "../ledger/parameters.ts";
import { plannedOf } from "../ledger/rules/market/gate-plan.ts";
import { wayFeeOf } from "../ledger/rules/market/lines.ts";
import {
  dues,
  plans,
  positions,
  type Slot,
  slotKey,
  slots,
} from "../ledger/rules/market/tables.ts";
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

/**
 * What stands retained on `owners/<owner>/positions`: Wh sold minus bought, by the slot's start, and what the
 * market planned that the owner gives beyond its forecast (below 0: draws), where it did.
 */
export type PositionsMessage = {
  readonly height: number;
  /** Over a grid: what the owner's way to the busbar costs, 10⁻⁶ currency/kWh; left out where nothing. */
  readonly wayFee?: number;
  readonly slots: readonly {
    readonly slot: number;
    readonly soldWh: number;
    readonly plannedWh?: number;
  }[];
};

export function positionsMessage(
  state: StateReader,
  owner: string,
  height: number,
): PositionsMessage {
  const own = new Map<number, PositionsMessage["slots"][number]>();
  for (const [id, { soldWh }] of positions.scan(state, `${owner}/`)) {
    const slot = Number(id.slice(owner.length + 1));
    own.set(slot, { slot, soldWh });
  }
  for (const [id] of plans.scan(state)) {
    const slot = Number(id);
    const plannedWh = plannedOf(state, slot).get(owner);
    if (plannedWh === undefined) continue;
    own.set(slot, { slot, soldWh: own.get(slot)?.soldWh ?? 0, plannedWh });
  }
  const [first] = Array.from(dues.scan(state), ([, { slot }]) => slot);
  const wayFee = wayFeeOf(state, owner, parametersOf(state, first ?? 0));
  const list = [...own.values()].sort((a, b) => a.slot - b.slot);
  return { height, ...(wayFee === 0 ? {} : { wayFee }), slots: list };
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
