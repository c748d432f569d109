import { type UtcMs, utcMs, wh } from "@busbar/protocol";
import { type SlotNet, seasonalNaive } from "../../../market/forecast.ts";
import type { Prices } from "../../../market/game/channels.ts";
import type { BlockContext } from "../../rule.ts";
import { type MarketParty, marketParties, meteredBy } from "./parties.ts";
import type { SlotPass } from "./slot-pass.ts";
import { known, orNull, pricesFor } from "./slot-prices.ts";
import { slotKey, slots } from "./tables.ts";
import { slotMs } from "./timetable.ts";

const dayMs = 86_400_000;

/** Opens a slot for the quotes of one of its gates, with the reference prices that the forecasts give. */
export function openSlot(context: BlockContext, { slot, number, pass }: SlotPass): void {
  const { state, emit } = context;
  const prices = expectedPrices(context, slot);
  const key = slotKey(slot);
  const before = slots.get(state, key) ?? { tradedWh: wh(0), contracts: 0 };
  slots.set(state, key, { ...before, stage: "open", prices: known(prices), pass: number });
  const { scale, gate, clearing } = pass;
  emit({
    type: "slot-opened",
    slot,
    horizon: scale,
    pass: number,
    gate,
    revealUntil: clearing,
    prices: orNull(prices),
  });
}

/** The colony's prices for what the forecasts expect; none while no meter has a history. */
function expectedPrices(context: BlockContext, slot: UtcMs): Prices {
  const nets = marketParties(context.state).map((party) => {
    const forecast = seasonalNaive(historyOf(context, party, slot), {
      start: slot,
      lengthMs: slotMs(context.parameters),
      now: context.time,
    });
    const netWh = forecast?.netWh ?? 0;
    return {
      owner: party.owner,
      party: party.party === "user" ? "user" : "company",
      netWh,
    } as const;
  });
  return pricesFor(nets, context).prices;
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
