import { utcMs } from "@busbar/protocol";
import { slotCompleteness } from "../../ledger/completeness.ts";
import { parametersOf } from "../../ledger/parameters.ts";
import { settlementVersions } from "../../ledger/settlements.ts";
import { slotEnergy } from "../../ledger/slots.ts";
import { connections, meters } from "../../ledger/tables.ts";
import { type Asking, all, first } from "../model/asking.ts";
import { exact } from "../model/int.ts";
import { limitMax } from "../query.ts";
import { connectionEnergy, type Sums, sumsOf } from "./account.ts";
import type { ViewContext } from "./context.ts";
import { readingsAround } from "./readings.ts";
import type { StatementDetail, StatementRow } from "./shapes.ts";
import { tradesPage } from "./trades.ts";

/** An owner's slots, newest first, below `before`: what was traded, measured, and came of it in money. */
export function* statementPage(
  context: ViewContext,
  {
    owner,
    before,
    limit,
  }: { readonly owner: string; readonly before?: number; readonly limit: number },
): Asking<readonly StatementRow[]> {
  const now = context.clock.now();
  const rows = yield* all("partySlots", { owner, before: before ?? now, limit });
  return rows.map((row) => rowOf(context, { owner, slot: exact(row.slot) }, row));
}

/** One slot of an owner, down to the readings that it rests on. */
export function* statementDetail(
  context: ViewContext,
  { owner, slot }: { readonly owner: string; readonly slot: number },
): Asking<StatementDetail> {
  const row = yield* first("partySlot", { owner, slot });
  const contracts = yield* tradesPage({ owner, slot, limit: limitMax });
  const { slotMinutes } = parametersOf(context.store.state, slot);
  return {
    owner,
    slot,
    slotMinutes,
    row: rowOf(context, { owner, slot }, row),
    contracts,
    versions: versionsOf(context, owner, slot),
    meters: metersOf(context, { owner, slot, slotMs: slotMinutes * 60_000 }),
  };
}

function rowOf(
  { store }: ViewContext,
  { owner, slot }: { readonly owner: string; readonly slot: number },
  row: Sums | undefined,
): StatementRow {
  const { state } = store;
  const ms = parametersOf(state, slot).slotMinutes * 60_000;
  const energy = connectionEnergy(state, owner, { start: utcMs(slot), ms });
  return {
    slot,
    ...sumsOf(row),
    importWh: energy?.importWh ?? null,
    exportWh: energy?.exportWh ?? null,
    contracts: exact(row?.contracts),
    versions: settlementVersions(state, slot, owner).length,
  };
}

function versionsOf(
  { store }: ViewContext,
  owner: string,
  slot: number,
): StatementDetail["versions"] {
  return settlementVersions(store.state, slot, owner).map((settlement, i) => ({
    version: i + 1,
    why: settlement.why,
    height: settlement.height,
    importWh: settlement.importWh ?? null,
    exportWh: settlement.exportWh ?? null,
    soldWh: settlement.soldWh,
    imbalanceWh: settlement.imbalanceWh,
    money: settlement.money,
    bureau: settlement.bureau ?? null,
  }));
}

function metersOf(
  { store }: ViewContext,
  {
    owner,
    slot,
    slotMs,
  }: { readonly owner: string; readonly slot: number; readonly slotMs: number },
): StatementDetail["meters"] {
  const { state } = store;
  const own = Array.from(connections.scan(state, `${owner}/`), ([, { meter }]) => meter);
  return [...new Set(own)].map((meter) => {
    const energy = slotEnergy(state, meter, utcMs(slot), slotMs);
    const { state: completeness, why } = slotCompleteness(state, meter, utcMs(slot), slotMs);
    return {
      meter,
      role: meters.get(state, meter)?.role ?? "connection",
      importWh: energy?.importWh ?? null,
      exportWh: energy?.exportWh ?? null,
      method: energy?.method ?? null,
      completeness,
      why,
      readings: {
        from: readingsAround(store, meter, slot),
        to: readingsAround(store, meter, slot + slotMs),
      },
    };
  });
}
