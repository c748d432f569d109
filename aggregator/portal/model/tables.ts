import type { Generated, Kysely } from "kysely";

/** A 64-bit integer: a number where that is exact (below 2⁵³), else a bigint. Units as in the column's name. */
export type Int = number | bigint;

/** The read model's tables; on every engine the same. Times are site ms, prices and money 10⁻⁶ of the currency. */
export type ReadTables = {
  /** One row: how far it has come, and what was counted until then. */
  readonly portal_total: {
    readonly id: Int;
    readonly height: Int;
    readonly app_hash: string;
    readonly blocks: Int;
    readonly transactions: Int;
    readonly readings: Int;
    readonly contracts: Int;
    readonly settled: Int;
    readonly traded_wh: Int;
  };
  readonly portal_scale: { readonly scale: string; readonly contracts: Int };
  readonly portal_block: {
    readonly height: Int;
    readonly time: Int;
    readonly hash: string;
    readonly transactions: Int;
    readonly proposer: string;
  };
  readonly portal_slot: {
    readonly slot: Int;
    readonly stage: Generated<string>;
    readonly scale: Generated<string>;
    readonly pass: Generated<Int>;
    readonly cg: Int | null;
    readonly cu: Int | null;
    readonly gc: Int | null;
    readonly gu: Int | null;
    readonly clearing: Int | null;
    readonly feeders: Generated<string>;
    readonly traded_wh: Generated<Int>;
    readonly contracts: Generated<Int>;
  };
  readonly portal_trade: {
    readonly seq: Int;
    readonly contract: string;
    readonly slot: Int;
    readonly seller: string;
    readonly buyer: string;
    readonly quantity_wh: Int;
    readonly price: Int;
    readonly fee: Int;
    readonly origin: string;
    readonly scale: string;
    readonly state: Generated<string>;
    readonly amount: Int | null;
    readonly grid_fee: Int | null;
  };
  readonly portal_meter: {
    readonly meter: string;
    readonly device: string;
    readonly owner: string;
    readonly seq: Int;
    readonly time: Int;
    readonly import_wh: Int;
    readonly export_wh: Int;
    readonly power_w: Int | null;
    readonly clock: Int | null;
    readonly height: Int;
    readonly block_time: Int;
  };
  /** What each owner's slots brought, as the blocks tell it: the sums of its statement. */
  readonly portal_party_slot: PartySlotTable;
  /** Each gate of a slot: what was expected when it opened, and what the colony and the book made of it. */
  readonly portal_pass: {
    readonly slot: Int;
    readonly pass: Int;
    readonly scale: string;
    readonly opened: string | null;
    readonly colony: string | null;
    readonly exact: string | null;
    readonly clearing: Int | null;
    readonly quantity_wh: Int | null;
  };
};

type PartySlotTable = { readonly owner: string; readonly slot: Int } & {
  readonly [column in PartySum]: Int;
};

/** What is summed up for an owner in a slot. */
export const partySums = [
  "contracts",
  "sold_wh",
  "bought_wh",
  "income",
  "spent",
  "grid_fee",
  "subsidy",
  "charges",
  "imbalance_wh",
  "imbalance_money",
] as const;
export type PartySum = (typeof partySums)[number];

/** What statements are built with. It runs none. */
export type Db = Kysely<ReadTables>;
