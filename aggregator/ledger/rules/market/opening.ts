import { type UtcMs, utcMs, wh } from "@busbar/protocol";
import { type SlotNet, seasonalNaive } from "../../../market/forecast.ts";
import type { Prices } from "../../../market/game/channels.ts";
import { parametersOf } from "../../parameters.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import type { StateReader } from "../../state/state.ts";
import { type MarketParty, marketParties, meteredBy } from "./parties.ts";
import { known, orNull, pricesFor } from "./slot-prices.ts";
import { cursors, slotKey, slots } from "./tables.ts";
import { firstTradableSlot, slotMs, timetable } from "./timetable.ts";

/** Slots that one block takes a step further: after a long silence the rest follows block by block. */
export const slotsPerBlockMax = 24;

const dayMs = 86_400_000;

/** Opens slots for quotes, with the reference prices that the forecasts give. */
export const openingRule: BlockRule = {
  name: "market-opening",
  due: (state, time, parameters) => openingOf(state, nextSlot(state, time, parameters)) <= time,
  run(context) {
    const { state, time, parameters } = context;
    let next = nextSlot(state, time, parameters);
    for (let i = 0; i < slotsPerBlockMax && openingOf(state, next) <= time; i++) {
      open({ ...context, parameters: parametersOf(state, next) }, next);
      next = utcMs(next + slotMs(parameters));
    }
    cursors.set(state, "open", { next });
  },
};

/** When a slot opens, by its own parameters. */
function openingOf(state: StateReader, slot: UtcMs): UtcMs {
  return timetable(slot, parametersOf(state, slot)).opening;
}

function nextSlot(state: StateReader, time: UtcMs, parameters: BlockContext["parameters"]): UtcMs {
  return cursors.get(state, "open")?.next ?? firstTradableSlot(time, parameters);
}

function open(context: BlockContext, slot: UtcMs): void {
  const { state, parameters, emit } = context;
  const prices = expectedPrices(context, slot);
  slots.set(state, slotKey(slot), { stage: "open", prices: known(prices), tradedWh: wh(0) });
  const { gate, clearing } = timetable(slot, parameters);
  emit({
    type: "slot-opened",
    slot,
    horizon: "hour-ahead",
    gate,
    revealUntil: clearing,
    prices: orNull(prices),
  });
}

/** The colony's prices for what the forecasts expect; none while no meter has a history. */
function expectedPrices(context: BlockContext, slot: UtcMs): Prices {
  const { parameters, seed } = context;
  let [surplusWh, usersWh] = [0, 0];
  for (const party of marketParties(context.state)) {
    const forecast = seasonalNaive(historyOf(context, party, slot), {
      start: slot,
      lengthMs: slotMs(parameters),
      now: context.time,
    });
    const net = forecast?.netWh ?? 0;
    if (party.party === "company") surplusWh += net;
    else usersWh -= net;
  }
  return pricesFor({ surplusWh, usersWh }, parameters, seed).prices;
}

/** The slots a naive forecast can use: yesterday's same one and the last few before `slot`. */
function historyOf(
  { state, parameters }: BlockContext,
  party: MarketParty,
  slot: UtcMs,
): SlotNet[] {
  const lengthMs = slotMs(parameters);
  const starts = [slot - dayMs, ...[1, 2, 3].map((back) => slot - back * lengthMs)];
  return starts.flatMap((start) => {
    if (start < 0) return [];
    const energy = meteredBy(state, party.meters, { start: utcMs(start), lengthMs });
    return energy === undefined ? [] : [{ start, netWh: energy.exportWh - energy.importWh }];
  });
}
