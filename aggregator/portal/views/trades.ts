import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import type { PortalTrade, TradesAsked } from "../api.ts";
import { tradeOf } from "../queries.ts";

const most = Number.MAX_SAFE_INTEGER;

/** One page of trades. What it costs is in the page, however many trades there are. */
export function tradesPage(
  db: DatabaseSync,
  { limit, before = most, owner, slot }: TradesAsked,
): readonly PortalTrade[] {
  const filter = slot === undefined ? "" : "slot = $slot AND ";
  const values: Record<string, number | string> = { $before: before, $limit: limit };
  if (slot !== undefined) values.$slot = slot;
  if (owner !== undefined) values.$owner = owner;
  const newest = (of: string) =>
    `SELECT * FROM portal_trade WHERE ${filter}${of}seq < $before ORDER BY seq DESC LIMIT $limit`;
  // Each side by its own index: one condition with OR would read all of the table.
  const sql =
    owner === undefined
      ? newest("")
      : `SELECT * FROM (${newest("seller = $owner AND ")}) UNION
         SELECT * FROM (${newest("buyer = $owner AND ")}) ORDER BY seq DESC LIMIT $limit`;
  const rows: Record<string, SQLOutputValue>[] = db.prepare(sql).all(values);
  return rows.map(tradeOf);
}
