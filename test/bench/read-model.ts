import { DatabaseSync } from "node:sqlite";
import type { LedgerEvent } from "../../aggregator/ledger/events.ts";
import type { Asking } from "../../aggregator/portal/model/asking.ts";
import { schemaOf } from "../../aggregator/portal/model/schema.ts";
import { sqliteReader } from "../../aggregator/portal/model/sqlite.ts";
import { PostgresReader } from "../../aggregator/portal/postgres/reader.ts";
import { openTables } from "../../aggregator/portal/postgres/tables.ts";
import { blockRows, slotRows, totals, tradedOnDay } from "../../aggregator/portal/queries.ts";
import { blockChanges } from "../../aggregator/portal/read-model.ts";
import { tradesPage } from "../../aggregator/portal/views/trades.ts";
import { blockOf, inTransaction, owner, withClient } from "../postgres/scene.ts";
import { PostgresServer } from "../postgres/server.ts";

export const name = "read-model";
export const title =
  "Read model: 100 000 trades in SQLite and in PostgreSQL, and the portal's queries on both";

const blocks = 1_000;
const tradesEach = 100;
const owners = 200;
const hour = 3_600_000;
const rounds = 200;

/** What a block of a large community brings: trades among many, and what was paid for them. */
function eventsOf(height: number): readonly LedgerEvent[] {
  const slot = Math.floor(height / 4) * hour;
  const prices = { cg: 400_000, cu: 600_000, gc: 450_000, gu: 650_000 };
  const events: unknown[] = [{ type: "slot-opened", slot, pass: 0, horizon: "intraday", prices }];
  for (let i = 0; i < tradesEach; i += 1) {
    const about = {
      contract: `${String(height).padStart(8, "0")}-${i}`,
      slot,
      seller: `owner-${(height * 7 + i) % owners}`,
      buyer: `owner-${(height * 3 + 5 * i + 1) % owners}`,
    };
    const terms = { quantityWh: 1_000 + i, price: 500_000, fee: 1_000 };
    events.push({ type: "contract-signed", ...about, ...terms, origin: "book", scale: "intraday" });
    const paid = { deliveredWh: 1_000, amount: 500_000, subsidy: 1, gridFee: 2 };
    events.push({ type: "contract-settled", ...about, ...paid });
  }
  return events as LedgerEvent[];
}

const asked: Readonly<Record<string, (round: number) => Asking<unknown>>> = {
  "a page of all trades": () => tradesPage({ limit: 50 }),
  "a page of an owner's trades": (i) => tradesPage({ limit: 50, owner: `owner-${i % owners}` }),
  "the same, far back": (i) =>
    tradesPage({ limit: 50, owner: `owner-${i % owners}`, before: 20_000 }),
  "the board's slots": () => slotRows(24),
  "a page of blocks": () => blockRows({ limit: 20 }),
  totals: () => totals(),
  "traded on a day": (i) => tradedOnDay(i * hour),
};

/** Median wall ms of a query. */
async function medianOf(ask: (round: number) => unknown): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    await ask(round);
    times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b)[rounds / 2] ?? Number.NaN;
}

export async function run(): Promise<void> {
  let server: PostgresServer;
  try {
    server = await PostgresServer.start();
  } catch (error) {
    return console.log(`  ${error instanceof Error ? error.message : error}`);
  }
  const settings = server.settings("bench");
  const postgres = new PostgresReader(settings);
  try {
    const db = new DatabaseSync(":memory:");
    db.exec(schemaOf("sqlite"));
    const sqlite = sqliteReader(db);
    const fed = { sqlite: 0, postgres: 0 };
    await withClient(settings, async (client) => {
      await openTables(client, { schema: "bench", owner, where: "bench" });
      for (let height = 1; height <= blocks; height += 1) {
        const block = blockOf(height, eventsOf(height));
        let start = performance.now();
        db.exec("BEGIN");
        void sqlite.read(blockChanges(block, block.events));
        db.exec("COMMIT");
        fed.sqlite += performance.now() - start;
        start = performance.now();
        await inTransaction(client, blockChanges(block, block.events));
        fed.postgres += performance.now() - start;
      }
    });
    await server.sql("ANALYZE");
    const line = (what: string, a: number, b: number, unit: string) =>
      console.log(
        `  ${what.padEnd(30)} ${a.toFixed(2).padStart(9)} ${b.toFixed(2).padStart(11)} ${unit}`,
      );
    console.log(`  ${"".padEnd(30)} ${"SQLite".padStart(9)} ${"PostgreSQL".padStart(11)}`);
    line(
      `a block of ${tradesEach} trades, fed`,
      fed.sqlite / blocks,
      fed.postgres / blocks,
      "ms, mean",
    );
    for (const [what, ask] of Object.entries(asked)) {
      const here = await medianOf((round) => sqlite.read(ask(round)));
      line(what, here, await medianOf((round) => postgres.read(ask(round))), "ms, median");
    }
  } finally {
    await postgres.close();
    await server.stop();
  }
}
