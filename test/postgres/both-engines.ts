/**
 * `npm run test:postgres`: the read model on both engines, over the same chain: equal to the row.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { LedgerEvent } from "../../aggregator/ledger/events.ts";
import { nothingOlder } from "../../aggregator/ledger/projection.ts";
import { Desk } from "../../aggregator/portal/desk.ts";
import { LedgerSource } from "../../aggregator/portal/ledger-source.ts";
import { type Asking, all } from "../../aggregator/portal/model/asking.ts";
import texts from "../../aggregator/portal/model/statements.json" with { type: "json" };
import type { Name, ValuesOf } from "../../aggregator/portal/model/statements.ts";
import { fedBlocks } from "../../aggregator/portal/postgres/blocks.ts";
import { PostgresReader } from "../../aggregator/portal/postgres/reader.ts";
import { clearTables, openTables } from "../../aggregator/portal/postgres/tables.ts";
import { blockChanges, portalReadModel } from "../../aggregator/portal/read-model.ts";
import { PortalSite, portalSiteStart } from "../support/portal-site.ts";
import {
  blockOf,
  Fed,
  inTransaction,
  owner,
  postgresRows,
  sqliteModel,
  sqliteRows,
  withClient,
} from "./scene.ts";
import { PostgresServer } from "./server.ts";

const hour = 3_600_000;
let server: PostgresServer;
before(async () => {
  server = await PostgresServer.start();
});
after(() => server.stop());

/** Names whose order depends on the language, and what a line of SQL or JSON could stumble over. */
const names = [
  "a",
  "B",
  "b",
  "ä",
  "Z",
  "_",
  "a-b",
  "a b",
  "aa",
  "É",
  "ß",
  "😀",
  "'\"\\",
  "%",
  "中",
];
const name = fc.constantFrom(...names);
const slot = fc.integer({ min: 0, max: 5 }).map((n) => n * hour);
const amount = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.maxSafeInteger(),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER),
);
const quantity = fc.oneof(fc.nat(1_000), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
const price = fc.option(fc.integer({ min: -1_000_000, max: 2_000_000 }), { nil: null });
const prices = fc.record({ cg: price, cu: price, gc: price, gu: price });
const scale = fc.constantFrom("day-ahead", "intraday", "real-time");
const pass = fc.nat(2);

/** Events of one block; contracts are numbered by whoever uses them. */
const event = fc.oneof(
  fc.record({ type: fc.constant("slot-opened"), slot, pass, horizon: scale, prices }),
  fc.record({ type: fc.constant("gate-closed"), slot, pass }),
  fc.record({
    type: fc.constant("slot-cleared"),
    ...{ slot, pass, scale, prices, clearing: price, quantityWh: quantity },
    exact: fc.option(prices, { nil: null }),
    grid: fc.option(
      fc.record({
        feeders: fc.array(fc.record({ feeder: name, price, exportWh: fc.integer() }), {
          maxLength: 3,
        }),
      }),
      { nil: undefined },
    ),
  }),
  fc.record({
    type: fc.constant("contract-signed"),
    ...{ slot, seller: name, buyer: name, quantityWh: quantity, price: fc.integer(), scale },
    fee: fc.option(fc.nat(), { nil: undefined }),
    origin: fc.constantFrom("book", "residual"),
  }),
  fc.record({
    type: fc.constantFrom("contract-settled", "contract-held", "contract-void", "contract-stands"),
    ...{ slot, seller: name, buyer: name, amount, subsidy: amount, deliveredWh: quantity },
    gridFee: fc.option(fc.nat(), { nil: undefined }),
  }),
  fc.record({ type: fc.constant("contract-cut"), slot, quantityWh: fc.nat(3) }),
  fc.record({ type: fc.constant("slot-settled"), slot }),
  fc.record({
    type: fc.constant("imbalance-settled"),
    ...{ owner: name, slot, side: fc.constantFrom("ask", "bid"), imbalanceWh: quantity, amount },
  }),
  fc.record({
    type: fc.constant("charges-settled"),
    ...{
      owner: name,
      slot,
      charges: fc.array(fc.record({ money: fc.integer() }), { maxLength: 3 }),
    },
  }),
  fc.record({
    type: fc.constant("settlement-corrected"),
    ...{ owner: name, slot, imbalanceDifferenceWh: amount, moneyDifference: amount },
  }),
  fc.record({
    type: fc.constant("readings-accepted"),
    ...{ meter: name, device: name, owner: name, first: fc.constant(1), last: fc.nat(100) },
    ...{ to: fc.maxSafeNat(), importWh: quantity, exportWh: quantity },
  }),
);

/** Blocks of events; those about a contract name one that was signed before, if any was. */
const chain = fc
  .array(fc.array(event, { maxLength: 12 }), { minLength: 1, maxLength: 8 })
  .map((blocks) => {
    let signed = 0;
    return blocks.map((events, i) =>
      blockOf(
        i + 1,
        events.map((one, at) => {
          if (one.type === "contract-signed") return { ...one, contract: `c-${signed++}` };
          return { ...one, contract: `c-${signed === 0 ? 0 : (at * 7) % signed}` };
        }) as unknown as LedgerEvent[],
      ),
    );
  });

/** Each statement that reads, with values at, between and beyond what the tables hold. */
function* everyRead(contract: string, who: string, at: number): Asking<unknown> {
  const answers: unknown[] = [];
  const read = function* <N extends Name>(one: N, values: ValuesOf<N>): Asking<void> {
    answers.push([one, yield* all(one, values)]);
  };
  for (const limit of [1, 3, 500]) {
    for (const end of [0, 4, at, Number.MAX_SAFE_INTEGER]) {
      const page = { before: end, limit };
      yield* read("trades", page);
      yield* read("tradesOfSlot", { ...page, slot: at });
      yield* read("tradesOfOwner", { ...page, owner: who });
      yield* read("tradesOfOwnerInSlot", { ...page, owner: who, slot: at });
      yield* read("blocks", page);
      yield* read("partySlots", { ...page, owner: who });
    }
    yield* read("slots", { limit });
  }
  yield* read("totals", {});
  yield* read("scales", {});
  yield* read("position", {});
  yield* read("meters", {});
  yield* read("meter", { meter: who });
  yield* read("slot", { slot: at });
  yield* read("feedersOf", { slot: at });
  yield* read("passes", { slot: at });
  yield* read("trade", { contract });
  yield* read("quantityOf", { contract });
  yield* read("partySlot", { owner: who, slot: at });
  yield* read("blockByHash", { hash: "01".repeat(32) });
  return answers;
}

/** Sums may go beyond 64 bits, which both engines refuse rather than answer wrongly. */
function* everySum(who: string, at: number): Asking<unknown> {
  const traded = yield* all("traded", { from: 0, to: at });
  const party = yield* all("partyTotals", { owner: who, from: 0, to: at });
  return { traded, party };
}

test("the same blocks make the same rows, and each statement the same answer, on both engines", async () => {
  const settings = server.settings("both");
  const reader = new PostgresReader(settings);
  await withClient(settings, async (client) => {
    await openTables(client, { schema: "both", owner, where: "both" });
    await fc.assert(
      fc.asyncProperty(chain, name, slot, fc.nat(9), async (blocks, who, at, number) => {
        const { db, read } = sqliteModel();
        await clearTables(client, "both");
        for (const block of blocks) {
          read(blockChanges(block, block.events));
          await inTransaction(client, blockChanges(block, block.events));
        }
        assert.deepEqual(await postgresRows(settings), sqliteRows(db));
        const reads = () => everyRead(`c-${number}`, who, at);
        assert.deepEqual(plain(await reader.read(reads())), plain(read(reads())));
        const sums = [
          await reader.read(everySum(who, at)).catch(() => "beyond"),
          attempt(() => read(everySum(who, at))),
        ];
        assert.deepEqual(plain(sums[0]), plain(sums[1]));
        db.close();
      }),
      { numRuns: Number(process.env.BUSBAR_RUNS ?? 60) },
    );
  });
  await reader.close();
});

/** SQLite's rows have no prototype. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value ?? null, (_name, one) => (typeof one === "bigint" ? `${one}n` : one)),
  );

function attempt<T>(work: () => T): T | "beyond" {
  try {
    return work();
  } catch {
    return "beyond";
  }
}

test("each statement that reads was compared", () => {
  const asked = new Set<string>(["traded", "partyTotals"]);
  const asking = everyRead("c", "a", 0);
  for (let step = asking.next(); step.done !== true; step = asking.next([])) {
    asked.add(step.value.name);
  }
  const reading = Object.entries(texts).filter(([, { sqlite }]) => sqlite.startsWith("select"));
  assert.deepEqual([...asked].sort(), reading.map(([one]) => one).sort());
});

test("energy and money beyond 2^53 come back exactly from both engines", async () => {
  const settings = server.settings("exact");
  const { read } = sqliteModel();
  const contract = (i: number, quantityWh: number): LedgerEvent => ({
    type: "contract-signed",
    ...{ contract: `c-${i}`, slot: 0, seller: "a", buyer: "b", quantityWh, price: 1 },
    ...{ origin: "book", scale: "intraday" },
  });
  // One at a time: each block adds 1 to a sum that a float no longer tells apart.
  const blocks = [Number.MAX_SAFE_INTEGER, 1, 1, 1, 1, 1].map((wh, i) =>
    blockOf(i + 1, [contract(i, wh)]),
  );
  await withClient(settings, async (client) => {
    await openTables(client, { schema: "exact", owner, where: "exact" });
    for (const block of blocks) {
      read(blockChanges(block, block.events));
      await inTransaction(client, blockChanges(block, block.events));
    }
  });
  const reader = new PostgresReader(settings);
  const sums = function* (): Asking<unknown> {
    const [slotSum] = yield* all("slot", { slot: 0 });
    const [total] = yield* all("totals", {});
    const [party] = yield* all("partyTotals", { owner: "a", from: 0, to: 0 });
    const [day] = yield* all("traded", { from: 0, to: 1 });
    return [slotSum?.traded_wh, total?.traded_wh, party?.sold_wh, day?.wh];
  };
  const expected = Array(4).fill(BigInt(Number.MAX_SAFE_INTEGER) + 5n);
  assert.deepEqual(await reader.read(sums()), expected);
  assert.deepEqual(read(sums()), expected);
  await reader.close();
});

test("a real site's portal says the same from PostgreSQL as from the ledger's file", async () => {
  const settings = server.settings("site");
  const site = new PortalSite();
  site.runUntil(portalSiteStart + 8 * hour);
  const fed = new Fed(settings, fedBlocks(site.store, nothingOlder));
  await fed.feed.start();
  site.runUntil(portalSiteStart + 10 * hour);
  fed.feed.committed();
  await fed.reached(site.store.height);
  await fed.feed.stop();
  assert.deepEqual(await postgresRows(settings), sqliteRows(site.store.db));
  assert.equal(new Set(fed.told).size, site.store.height);

  const model = new PostgresReader(settings);
  const { store } = site;
  const clock = { now: () => site.time, speed: site.speed };
  const source = new LedgerSource({
    ...{ store, model, member: "recorder-1", clock },
    notices: () => site.notices,
    consensus: () => site.consensus,
  });
  const both: [unknown, unknown][] = [
    [await source.status(), site.source.status()],
    [await source.slots(48), site.source.slots(48)],
    [await source.trades({ limit: 500 }), site.source.trades({ limit: 500 })],
    [
      await source.trades({ limit: 9, owner: "user-1" }),
      site.source.trades({ limit: 9, owner: "user-1" }),
    ],
    [await source.blocks({ limit: 100 }), site.source.blocks({ limit: 100 })],
    [await source.meters(), site.source.meters()],
  ];
  const desk = new Desk(site.viewContext, model);
  const hash = site.source.blocks({ limit: 1 })[0]?.hash ?? "";
  for (const owner of ["company", "user-1", "nobody"]) {
    both.push([await desk.account(owner), site.desk.account(owner)]);
    both.push([
      await desk.statement({ owner, limit: 48 }),
      site.desk.statement({ owner, limit: 48 }),
    ]);
    const at = portalSiteStart + 4 * hour;
    both.push([await desk.statementOf(owner, at), site.desk.statementOf(owner, at)]);
    both.push([await desk.devices(owner), site.desk.devices(owner)]);
  }
  both.push([
    await desk.passes(portalSiteStart + 4 * hour),
    site.desk.passes(portalSiteStart + 4 * hour),
  ]);
  both.push([await desk.devices(), site.desk.devices()]);
  both.push([await desk.search(hash), site.desk.search(hash)]);
  for (const [there, here] of both) assert.deepEqual(plain(there), plain(here));
  assert.ok(site.desk.search(hash).length > 0 && portalReadModel.name === "portal");
  await model.close();
});
