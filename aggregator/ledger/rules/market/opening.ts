import { utcMs, wh } from "@busbar/protocol";
import type { BlockContext } from "../../rule.ts";
import { noteBalancing } from "./balancing.ts";
import { planGate, plannedOf } from "./gate-plan.ts";
import type { SiteOutlook } from "./outlook.ts";
import { type MarketParty, marketParties, meteredBy } from "./parties.ts";
import type { SlotPass } from "./slot-pass.ts";
import { known, orNull, type PartyNet, pricesFor } from "./slot-prices.ts";
import { slotKey, slots } from "./tables.ts";
import { slotMs } from "./timetable.ts";

const dayMs = 86_400_000;

/**
 * Opens a slot for the quotes of one of its gates, with the colony's prices for what is expected of it, and
 * what is planned of batteries, elastic demands and flexible loads; they are none where nothing is known yet.
 */
export function openSlot(
  context: BlockContext,
  at: SlotPass,
  outlook: (slot: number) => SiteOutlook,
): void {
  const { state, emit } = context;
  const { slot, number, pass } = at;
  const forecast = outlook(slot);
  planGate(context, at, (other) => expectedNets(context, other, outlook(other)));
  const planned = plannedOf(state, slot);
  const nets = expectedNets(context, slot, forecast).map((net): PartyNet => {
    return { ...net, netWh: net.netWh + (planned.get(net.owner) ?? 0) };
  });
  const { prices } = pricesFor(nets, { ...context, slot });
  const key = slotKey(slot);
  if (slots.get(state, key) === undefined) noteBalancing(state, slot);
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
    forecast,
  });
}

/**
 * What each party is expected to give: as in the last slot like this one, and all companies, and all
 * users, together as they are forecast; what is left between the two is shared evenly.
 */
function expectedNets(
  context: BlockContext,
  slot: number,
  { companies, users }: SiteOutlook,
): PartyNet[] {
  const nets = marketParties(context.state).map((party): PartyNet => {
    const role = party.party === "user" ? "user" : "company";
    return { owner: party.owner, party: role, netWh: lastLike(context, party, slot) };
  });
  return [...together(nets, "company", companies?.p50), ...together(nets, "user", users?.p50)];
}

function together(
  all: readonly PartyNet[],
  role: PartyNet["party"],
  expectedWh: number | undefined,
): PartyNet[] {
  const nets = all.filter(({ party }) => party === role);
  if (expectedWh === undefined) return nets;
  const rest = expectedWh - nets.reduce((sum, { netWh }) => sum + netWh, 0);
  return nets.map((net) => ({ ...net, netWh: Math.round(net.netWh + rest / nets.length) }));
}

/** What a party's meters showed in the same slot a day before, else in one of the last three; else 0. */
function lastLike({ state, parameters, time }: BlockContext, party: MarketParty, slot: number) {
  const lengthMs = slotMs(parameters);
  const running = Math.floor(time / lengthMs) * lengthMs;
  for (const start of [slot - dayMs, ...[1, 2, 3].map((back) => running - back * lengthMs)]) {
    if (start < 0) continue;
    const energy = meteredBy(state, party.meters, { start: utcMs(start), lengthMs });
    if (energy !== undefined) return energy.exportWh - energy.importWh;
  }
  return 0;
}
