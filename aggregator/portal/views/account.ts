import assert from "node:assert/strict";
import {
  localDayStart,
  parseTimeZone,
  type TimeZone,
  type UtcMs,
  utcMs,
  utcOffsetMs,
} from "@busbar/protocol";
import { accountId, accounts } from "../../ledger/accounts.ts";
import { creditScore } from "../../ledger/credit.ts";
import { parametersOf } from "../../ledger/parameters.ts";
import { slotEnergy } from "../../ledger/slots.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { connections, owners } from "../../ledger/tables.ts";
import { type Asking, first } from "../model/asking.ts";
import { exact, exactSum } from "../model/int.ts";
import type { Int, PartySum } from "../model/tables.ts";
import type { ViewContext } from "./context.ts";
import type { AccountAnswer } from "./shapes.ts";

/** Columns of `portal_party_slot` or sums of them; null where there is no slot. */
export type Sums = { readonly [sum in PartySum]: Int | null };

/** The same as a statement says them. */
export function sumsOf(row: Sums | undefined) {
  const of = (sum: PartySum) => exact(row?.[sum]);
  const [income, spent, gridFee] = [of("income"), of("spent"), of("grid_fee")];
  const [subsidy, charges] = [of("subsidy"), of("charges")];
  const imbalanceMoney = of("imbalance_money");
  return {
    soldWh: of("sold_wh"),
    boughtWh: of("bought_wh"),
    income,
    spent,
    gridFee,
    subsidy,
    charges,
    imbalanceWh: of("imbalance_wh"),
    imbalanceMoney,
    money: exactSum([income, -spent, -gridFee, subsidy, -charges, imbalanceMoney]),
  };
}

/** What flowed through an owner's connections in a slot; undefined where it is not known. */
export function connectionEnergy(
  state: StateReader,
  owner: string,
  slot: { readonly start: UtcMs; readonly ms: number },
): { readonly importWh: number; readonly exportWh: number } | undefined {
  let sum: { importWh: number; exportWh: number } | undefined;
  for (const [, { meter, from, until }] of connections.scan(state, `${owner}/`)) {
    const { start, ms } = slot;
    if ((from !== undefined && start < from) || (until !== undefined && start + ms > until))
      continue;
    const energy = slotEnergy(state, meter, start, ms);
    if (energy === undefined) return undefined;
    const { importWh = 0, exportWh = 0 } = sum ?? {};
    sum = { importWh: importWh + energy.importWh, exportWh: exportWh + energy.exportWh };
  }
  return sum;
}

/** An owner at one glance; undefined for nobody's id. */
export function* accountOf(
  { store, clock }: ViewContext,
  owner: string,
): Asking<AccountAnswer | undefined> {
  const { state } = store;
  const entry = owners.get(state, owner);
  if (entry === undefined) return undefined;
  const now = clock.now();
  const { timeZone, slotMinutes } = parametersOf(state, now);
  const zone = parseTimeZone(timeZone);
  assert(zone !== undefined, "parameters were checked when they were decided");
  const dayStart = localDayStart(zone, now);
  const month = monthStart(zone, now);
  const since = (from: number) => first("partyTotals", { owner, from, to: now });
  const [ofDay, ofMonth] = [yield* since(dayStart), yield* since(month)];
  const powerW = yield* powerOf(state, owner);
  const account = (side: "sales" | "purchase") => {
    const { money = 0, energyWh = 0 } = accounts.get(state, accountId(owner, side)) ?? {};
    return { money, energyWh };
  };
  const slotMs = slotMinutes * 60_000;
  return {
    owner,
    name: entry.name,
    party: entry.party,
    sales: account("sales"),
    purchase: account("purchase"),
    credit: creditScore(state, owner),
    powerW,
    today: {
      from: dayStart,
      ...energyBetween(state, owner, { from: dayStart, to: now, slotMs }),
      ...sumsOf(ofDay),
    },
    month: { from: month, ...sumsOf(ofMonth) },
    timeZone,
  };
}

/** The finished slots of a time, as far as they are known; null while none is. */
function energyBetween(
  state: StateReader,
  owner: string,
  { from, to, slotMs }: { readonly from: number; readonly to: number; readonly slotMs: number },
) {
  let [importWh, exportWh] = [0, 0];
  let known = false;
  for (let start = from; start + slotMs <= to; start += slotMs) {
    const energy = connectionEnergy(state, owner, { start: utcMs(start), ms: slotMs });
    if (energy === undefined) continue;
    known = true;
    importWh += energy.importWh;
    exportWh += energy.exportWh;
  }
  return known ? { importWh, exportWh } : { importWh: null, exportWh: null };
}

function* powerOf(state: StateReader, owner: string): Asking<number | null> {
  const own = Array.from(connections.scan(state, `${owner}/`), ([, connection]) => connection);
  let sum: number | null = null;
  for (const { meter, until } of own) {
    if (until !== undefined) continue;
    const row = yield* first("meter", { meter });
    if (row === undefined || row.power_w === null) return null;
    sum = (sum ?? 0) + exact(row.power_w);
  }
  return sum;
}

/** Start of the local month that holds an instant. */
function monthStart(zone: TimeZone, now: number): number {
  const local = new Date(now + utcOffsetMs(zone, now));
  const first = Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), 1);
  const near = first - utcOffsetMs(zone, first);
  return first - utcOffsetMs(zone, near);
}
