import { parseTimeZone, utcOffsetMs } from "@busbar/protocol";
import {
  type Ask,
  forecast,
  historySlots,
  type Outlook,
  targetsMax,
} from "@busbar/protocol/forecast";
import { dayTree } from "../../../market/forecast/day-tree.ts";
import type { BlockContext } from "../../rule.ts";
import { marketParties } from "./parties.ts";
import { cursors, siteNets, slotKey } from "./tables.ts";
import { slotMs } from "./timetable.ts";

/** What all companies, and all users, together are expected to give to the feeder; null: not known. */
export type SiteOutlook = { readonly companies: Outlook | null; readonly users: Outlook | null };

/** A gate opens two days before its period at most, which has 25 hours at most. */
const planAheadMs = 73 * 3_600_000;

const nothing: SiteOutlook = { companies: null, users: null };

/**
 * The forecasts of the slots that have come to the market, made when the first of them is asked for: a
 * day-ahead gate opens many in one block.
 */
export function siteOutlook(context: BlockContext): (slot: number) => SiteOutlook {
  let made: Made | undefined;
  // A plan looks at slots that have not come to the market yet.
  let ahead: Made | undefined;
  return (slot) => {
    made ??= make(context, 0);
    if (slot < made.ask.from) return nothing;
    const length = slotMs(context.parameters);
    let [from, at] = [made, (slot - made.ask.from) / length];
    if (at >= made.ask.count) {
      ahead ??= make(context, planAheadMs);
      from = ahead;
    }
    return { companies: from.companies?.[at] ?? null, users: from.users?.[at] ?? null };
  };
}

type Row = readonly Outlook[] | undefined;
type Made = { readonly ask: Ask; readonly companies: Row; readonly users: Row };

/** Forecasts to the last slot that has come to the market, and so far ahead at least, ms. */
function make({ state, time, parameters }: BlockContext, aheadMs: number): Made {
  const length = slotMs(parameters);
  const from = Math.ceil(time / length) * length;
  const next = Math.max(cursors.get(state, "open")?.next ?? from, from + aheadMs);
  const count = Math.max(1, Math.min(targetsMax, (next - from) / length));
  const zone = parseTimeZone(parameters.timeZone);
  const offsetMs = (at: number) => (zone === undefined ? 0 : utcOffsetMs(zone, at));
  const ask = { now: time, from, count, offsetMs };

  const slots = historySlots(length);
  const start = Math.max(0, from - slots * length);
  const [companyWh, userWh] = [new Float64Array(slots), new Float64Array(slots)];
  const parties = marketParties(state);
  const companies = parties.filter(({ party }) => party === "company").length;
  const users = parties.length - companies;
  for (let i = 0; i < slots; i += 1) {
    const known = siteNets.get(state, slotKey(start + i * length));
    companyWh[i] = ofAll(known?.companyWh, known?.companies, companies);
    userWh[i] = ofAll(known?.userWh, known?.users, users);
  }
  const of = (netWh: Float64Array) => forecast({ slotMs: length, start, netWh }, ask, dayTree);
  return { ask, companies: of(companyWh), users: of(userWh) };
}

/** What those that were counted come to for all there are now; not known where fewer than half were. */
function ofAll(wh = 0, counted = 0, all: number): number {
  return counted === 0 || 2 * counted < all ? Number.NaN : (wh * all) / counted;
}
