import type { DatabaseSync } from "node:sqlite";
import type { LedgerEvent } from "../../ledger/events.ts";

/** What each owner's slots brought, as the blocks tell it: the sums of its statement. */
export const partySlotSchema = `
CREATE TABLE portal_party_slot (
  owner TEXT NOT NULL, slot INTEGER NOT NULL, contracts INTEGER NOT NULL DEFAULT 0,
  sold_wh INTEGER NOT NULL DEFAULT 0, bought_wh INTEGER NOT NULL DEFAULT 0,
  income INTEGER NOT NULL DEFAULT 0, spent INTEGER NOT NULL DEFAULT 0, grid_fee INTEGER NOT NULL DEFAULT 0,
  subsidy INTEGER NOT NULL DEFAULT 0, charges INTEGER NOT NULL DEFAULT 0, imbalance_wh INTEGER NOT NULL DEFAULT 0,
  imbalance_money INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (owner, slot)) STRICT, WITHOUT ROWID;
`;

type Change = {
  readonly owner: string;
  readonly slot: number;
  readonly contracts?: number;
  readonly soldWh?: number;
  readonly boughtWh?: number;
  readonly income?: number;
  readonly spent?: number;
  readonly gridFee?: number;
  readonly subsidy?: number;
  readonly charges?: number;
  readonly imbalanceWh?: number;
  readonly imbalanceMoney?: number;
};

/** Adds up what a block's events changed. */
export function addPartySlots(db: DatabaseSync, events: readonly LedgerEvent[]): void {
  const sql = statementOf(db);
  for (const event of events) {
    for (const change of changesOf(db, event)) {
      const {
        owner,
        slot,
        contracts = 0,
        soldWh = 0,
        boughtWh = 0,
        income = 0,
        spent = 0,
      } = change;
      const { gridFee = 0, subsidy = 0, charges = 0, imbalanceWh = 0, imbalanceMoney = 0 } = change;
      const money = [income, spent, gridFee, subsidy, charges, imbalanceWh, imbalanceMoney];
      sql.run(owner, slot, contracts, soldWh, boughtWh, ...money);
    }
  }
}

function changesOf(db: DatabaseSync, event: LedgerEvent): readonly Change[] {
  switch (event.type) {
    case "contract-signed": {
      const { slot, seller, buyer, quantityWh } = event;
      return [
        { owner: seller, slot, contracts: 1, soldWh: quantityWh },
        { owner: buyer, slot, contracts: 1, boughtWh: quantityWh },
      ];
    }
    case "contract-settled": {
      const { slot, seller, buyer, amount, subsidy, gridFee = 0 } = event;
      return [
        { owner: seller, slot, income: amount },
        { owner: buyer, slot, spent: amount, gridFee, subsidy },
      ];
    }
    case "contract-void":
      return undone(db, event);
    case "imbalance-settled": {
      const { owner, slot, side, imbalanceWh, amount } = event;
      const signed = side === "ask" ? imbalanceWh : -imbalanceWh;
      return [{ owner, slot, imbalanceWh: signed, imbalanceMoney: amount }];
    }
    case "charges-settled": {
      const { owner, slot } = event;
      return [{ owner, slot, charges: event.charges.reduce((sum, { money }) => sum + money, 0) }];
    }
    case "settlement-corrected": {
      const { owner, slot, imbalanceDifferenceWh, moneyDifference, chargeDifference = 0 } = event;
      const imbalance = { imbalanceWh: imbalanceDifferenceWh, imbalanceMoney: moneyDifference };
      return [{ owner, slot, ...imbalance, charges: chargeDifference }];
    }
    default:
      return [];
  }
}

/** A contract that counts for nothing is taken out again; it was never paid. */
function undone(
  db: DatabaseSync,
  { contract, slot, seller, buyer }: Extract<LedgerEvent, { type: "contract-void" }>,
): readonly Change[] {
  const row = db.prepare("SELECT quantity_wh FROM portal_trade WHERE contract = ?").get(contract);
  const quantityWh = Number(row?.quantity_wh ?? 0);
  return [
    { owner: seller, slot, contracts: -1, soldWh: -quantityWh },
    { owner: buyer, slot, contracts: -1, boughtWh: -quantityWh },
  ];
}

type Statement = ReturnType<DatabaseSync["prepare"]>;
const prepared = new WeakMap<DatabaseSync, Statement>();

function statementOf(db: DatabaseSync): Statement {
  const known =
    prepared.get(db) ??
    db.prepare(
      `INSERT INTO portal_party_slot VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (owner, slot) DO UPDATE SET contracts = contracts + excluded.contracts,
         sold_wh = sold_wh + excluded.sold_wh, bought_wh = bought_wh + excluded.bought_wh,
         income = income + excluded.income, spent = spent + excluded.spent,
         grid_fee = grid_fee + excluded.grid_fee, subsidy = subsidy + excluded.subsidy,
         charges = charges + excluded.charges,
         imbalance_wh = imbalance_wh + excluded.imbalance_wh,
         imbalance_money = imbalance_money + excluded.imbalance_money`,
    );
  prepared.set(db, known);
  return known;
}
