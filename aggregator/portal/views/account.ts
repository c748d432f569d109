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
import type { ViewContext } from "./context.ts";
import type { AccountAnswer } from "./shapes.ts";

type Row = Readonly<Record<string, unknown>>;

/** Columns of `portal_party_slot` as a statement says them. */
export function sumsOf(row: Row) {
  const of = (name: string) => Number(row[name] ?? 0);
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
    money: income - spent - gridFee + subsidy - charges + imbalanceMoney,
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
export function accountOf({ store, clock }: ViewContext, owner: string): AccountAnswer | undefined {
  const { state, db } = store;
  const entry = owners.get(state, owner);
  if (entry === undefined) return undefined;
  const now = clock.now();
  const { timeZone, slotMinutes } = parametersOf(state, now);
  const zone = parseTimeZone(timeZone);
  assert(zone !== undefined, "parameters were checked when they were decided");
  const dayStart = localDayStart(zone, now);
  const sums = db.prepare(
    `SELECT sum(sold_wh) AS sold_wh, sum(bought_wh) AS bought_wh, sum(income) AS income,
       sum(spent) AS spent, sum(grid_fee) AS grid_fee, sum(subsidy) AS subsidy, sum(charges) AS charges,
       sum(imbalance_wh) AS imbalance_wh, sum(imbalance_money) AS imbalance_money
     FROM portal_party_slot WHERE owner = ? AND slot >= ? AND slot <= ?`,
  );
  const since = (from: number) => sumsOf(sums.get(owner, from, now) ?? {});
  const month = monthStart(zone, now);
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
    powerW: powerOf(store.db, state, owner),
    today: {
      from: dayStart,
      ...energyBetween(state, owner, { from: dayStart, to: now, slotMs }),
      ...since(dayStart),
    },
    month: { from: month, ...since(month) },
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

function powerOf(db: ViewContext["store"]["db"], state: StateReader, owner: string): number | null {
  const power = db.prepare("SELECT power_w FROM portal_meter WHERE meter = ?");
  let sum: number | null = null;
  for (const [, { meter, until }] of connections.scan(state, `${owner}/`)) {
    if (until !== undefined) continue;
    const row = power.get(meter);
    if (row === undefined || row.power_w === null) return null;
    sum = (sum ?? 0) + Number(row.power_w);
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
