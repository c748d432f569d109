import type { ExpressionBuilder } from "kysely";
import { type Db, type Int, partySums, type ReadTables } from "./tables.ts";

/** The statements that the portal reads with. Lists come newest first, by a column that is never null. */

export const totals = (db: Db) =>
  db
    .selectFrom("portal_total")
    .leftJoin("portal_block", "portal_block.height", "portal_total.height")
    .selectAll("portal_total")
    .select("portal_block.hash");

export const scales = (db: Db) =>
  db.selectFrom("portal_scale").select(["scale", "contracts"]).orderBy("scale");

/** Energy contracted for the slots of a time, `to` left out. A sum of 64-bit integers is one here, never a float. */
export const traded = (db: Db, { from, to }: { readonly from: Int; readonly to: Int }) =>
  db
    .selectFrom("portal_slot")
    .select((eb) => eb.cast<Int | null>(eb.fn.sum("traded_wh"), "bigint").as("wh"))
    .where("slot", ">=", from)
    .where("slot", "<", to);

export const slots = (db: Db, { limit }: { readonly limit: Int }) =>
  db.selectFrom("portal_slot").selectAll().orderBy("slot", "desc").limit(limit);

export const slot = (db: Db, values: { readonly slot: Int }) =>
  db.selectFrom("portal_slot").selectAll().where("slot", "=", values.slot);

export const trade = (db: Db, { contract }: { readonly contract: string }) =>
  db.selectFrom("portal_trade").selectAll().where("contract", "=", contract);

export const blocks = (db: Db, { before, limit }: { readonly before: Int; readonly limit: Int }) =>
  db
    .selectFrom("portal_block")
    .selectAll()
    .where("height", "<", before)
    .orderBy("height", "desc")
    .limit(limit);

export const blockByHash = (db: Db, { hash }: { readonly hash: string }) =>
  db.selectFrom("portal_block").select("height").where("hash", "=", hash);

export const meters = (db: Db) =>
  db.selectFrom("portal_meter").selectAll().orderBy("owner").orderBy("meter");

export const meter = (db: Db, values: { readonly meter: string }) =>
  db.selectFrom("portal_meter").selectAll().where("meter", "=", values.meter);

type TradesPage = { readonly before: Int; readonly limit: Int };
type TradesEnds = ExpressionBuilder<ReadTables, "portal_trade">;

/** Trades below a number; `also` narrows them down. */
function newestTrades(
  db: Db,
  { before, limit }: TradesPage,
  also: (eb: TradesEnds) => ReturnType<TradesEnds["and"]> = (eb) => eb.and([]),
) {
  return db
    .selectFrom("portal_trade")
    .selectAll()
    .where("seq", "<", before)
    .where(also)
    .orderBy("seq", "desc")
    .limit(limit);
}

/** Each side by its own index: one condition with OR would read all of the table. */
function ofBothSides(
  db: Db,
  page: TradesPage,
  side: (eb: TradesEnds, which: "seller" | "buyer") => ReturnType<TradesEnds["and"]>,
) {
  const of = (which: "seller" | "buyer") =>
    db.selectFrom(newestTrades(db, page, (eb) => side(eb, which)).as(which)).selectAll();
  return of("seller").union(of("buyer")).orderBy("seq", "desc").limit(page.limit);
}

export const trades = (db: Db, page: TradesPage) => newestTrades(db, page);

export const tradesOfSlot = (db: Db, values: TradesPage & { readonly slot: Int }) =>
  newestTrades(db, values, (eb) => eb.and([eb("slot", "=", values.slot)]));

export const tradesOfOwner = (db: Db, values: TradesPage & { readonly owner: string }) =>
  ofBothSides(db, values, (eb, which) => eb.and([eb(which, "=", values.owner)]));

export const tradesOfOwnerInSlot = (
  db: Db,
  values: TradesPage & { readonly owner: string; readonly slot: Int },
) =>
  ofBothSides(db, values, (eb, which) =>
    eb.and([eb("slot", "=", values.slot), eb(which, "=", values.owner)]),
  );

export const partySlots = (
  db: Db,
  values: { readonly owner: string; readonly before: Int; readonly limit: Int },
) =>
  db
    .selectFrom("portal_party_slot")
    .selectAll()
    .where("owner", "=", values.owner)
    .where("slot", "<", values.before)
    .orderBy("slot", "desc")
    .limit(values.limit);

export const partySlot = (db: Db, values: { readonly owner: string; readonly slot: Int }) =>
  db
    .selectFrom("portal_party_slot")
    .selectAll()
    .where("owner", "=", values.owner)
    .where("slot", "=", values.slot);

/** Sums over an owner's slots of a time, both ends among them. */
export const partyTotals = (
  db: Db,
  { owner, from, to }: { readonly owner: string; readonly from: Int; readonly to: Int },
) =>
  db
    .selectFrom("portal_party_slot")
    .select((eb) => partySums.map((sum) => eb.cast<Int | null>(eb.fn.sum(sum), "bigint").as(sum)))
    .where("owner", "=", owner)
    .where("slot", ">=", from)
    .where("slot", "<=", to);

export const passes = (db: Db, values: { readonly slot: Int }) =>
  db.selectFrom("portal_pass").selectAll().where("slot", "=", values.slot).orderBy("pass");
