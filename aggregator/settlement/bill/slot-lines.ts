import { micro } from "@busbar/protocol";
import { gridOwner } from "../../ledger/accounts.ts";
import type { Contract } from "../../ledger/rules/market/tables.ts";
import type { PaidContract, Settlement } from "../../ledger/settlements.ts";
import { keptOf, type Sale } from "../position.ts";
import {
  type Settlement as SettlementTerms,
  settleFee,
  settleLoss,
  settleSale,
} from "../settle.ts";
import type { BillLine, BillOrder, LineKind } from "./document.ts";

/** A line before it has its number. */
export type NewLine = Omit<BillLine, "line">;

/** A contract with what money it moves, and what was noted when it was paid. */
export type OwnContract = {
  readonly id: string;
  readonly terms: Contract;
  readonly sale: Sale;
  readonly paid: PaidContract | undefined;
};

export const plainLine = {
  energyWh: 0,
  price: null,
  charge: null,
  version: null,
  order: null,
} as const;

/** The lines of one contract: its price, its way over the grid, its subsidy. */
export function contractLines(
  owner: string,
  { id, terms, sale, paid }: OwnContract,
  {
    sales,
    settlement,
    order,
  }: {
    readonly sales: readonly Sale[];
    readonly settlement: SettlementTerms;
    readonly order: BillOrder | null;
  },
): NewLine[] {
  const sells = sale.seller === owner;
  const other = sells ? sale.buyer : sale.seller;
  const state = terms.isVoid === 1 ? "void" : paid === undefined ? "due" : "paid";
  const common = { ...plainLine, contract: id, state } as const;
  const kept = sells ? sale.energy : keptOf(sale, sales, settlement.bureau);
  const movements = settleSale(sale, settlement, kept);
  const sign = state === "void" ? 0 : sells ? 1 : -1;
  const lines: NewLine[] = [
    {
      ...common,
      kind: sells ? "sale" : "purchase",
      with: other,
      money: signed(sign, movements[0]?.money ?? 0),
      energyWh: sells ? sale.energy : 0 - sale.energy,
      price: sale.price,
      order,
    },
  ];
  if (sells || state === "void") return lines;
  lines.push(...wayLines({ id, terms, sale }, settlement).map((line) => ({ ...common, ...line })));
  const subsidy = movements.find(({ reason }) => reason === "subsidy");
  if (subsidy !== undefined && subsidy.money !== 0) {
    lines.push({ ...common, kind: "subsidy", with: other, money: 0 - subsidy.money });
  }
  return lines;
}

/** What the way over the grid costs the buyer: what is lost on it, and the rest. */
function wayLines(
  { id: contract, terms, sale }: Pick<OwnContract, "id" | "terms" | "sale">,
  settlement: SettlementTerms,
): Pick<NewLine, "kind" | "with" | "money" | "energyWh">[] {
  const paid = settleFee(sale, gridOwner)?.money ?? micro(0);
  const loss = settleLoss({ ...terms, contract }, gridOwner, settlement);
  // Where prices leave less than what is lost is worth, the lines' account bears the rest.
  const lost = Math.min(paid, loss?.money ?? 0);
  const all = [
    { kind: "grid-fee", with: gridOwner, money: lost - paid, energyWh: 0 },
    { kind: "grid-loss", with: gridOwner, money: 0 - lost, energyWh: 0 - (loss?.energy ?? 0) },
  ] as const;
  return all.filter(({ money }) => money !== 0);
}

/** The lines that a version of a slot's settlement posted: what changed against the one before. */
export function versionLines(
  version: number,
  now: Settlement,
  before: Settlement | undefined,
): NewLine[] {
  const common = { ...plainLine, contract: null, state: "paid", version } as const;
  const lines: NewLine[] = [];
  const energyWh = now.imbalanceWh - (before?.imbalanceWh ?? 0);
  const money = now.money - (before?.money ?? 0);
  if (energyWh !== 0 || money !== 0) {
    const stands = now.imbalanceWh === 0 ? (before?.imbalanceWh ?? 0) : now.imbalanceWh;
    const kind: LineKind = stands > 0 ? "surplus" : "shortage";
    const other = now.bureau ?? before?.bureau ?? "";
    lines.push({ ...common, kind, with: other, money, energyWh });
  }
  const [owed, owedBefore] = [now.charges ?? [], before?.charges ?? []];
  const all = [...owed, ...owedBefore.filter((one) => owed.every(({ id }) => id !== one.id))];
  for (const { id, sort, to } of all) {
    const sum = (list: typeof owed) => list.find((one) => one.id === id)?.money ?? 0;
    const difference = sum(owed) - sum(owedBefore);
    if (difference === 0) continue;
    lines.push({ ...common, kind: sort, with: to, money: 0 - difference, charge: id });
  }
  return lines;
}

function signed(sign: number, money: number): number {
  return sign === 0 || money === 0 ? 0 : sign * money;
}
