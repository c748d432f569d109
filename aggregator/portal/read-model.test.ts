import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { obis, type ReadingEntry, utcMs } from "@busbar/protocol";
import fc from "fast-check";
import { PortalSite, portalSiteStart } from "../../test/support/portal-site.ts";
import type { CommittedBlock } from "../ledger/block.ts";
import { greenTotals } from "../ledger/certificates.ts";
import type { LedgerEvent } from "../ledger/events.ts";
import { contracts, slotKey, slots } from "../ledger/rules/market/tables.ts";
import { GridChain, line, slotStart } from "../ledger/rules/market/test-grid.ts";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { paymentOf } from "../ledger/settlements.ts";
import { slotEnergy } from "../ledger/slots.ts";
import { entry, MeterChain } from "../ledger/test-site.ts";
import { feederPrices } from "../publish/prices.ts";
import type { WhatIf } from "../settlement/what-if/what-if.ts";
import { agreementOf } from "./app/agreement.ts";
import { readProof } from "./app/proved.ts";
import { withPayments } from "./app/proved-market.ts";
import { sqliteReader } from "./model/sqlite.ts";
import { newestPowers } from "./power.ts";
import { slotRow, tradeRow } from "./queries.ts";
import { portalReadModel } from "./read-model.ts";
import { reportFor, reportText } from "./report.ts";
import { flowsOfSlot } from "./views/flows.ts";
import { tradesPage } from "./views/trades.ts";

const hour = 3_600_000;
const tables = ["total", "block", "slot", "trade", "meter", "party_slot", "pass"].map(
  (name) => `portal_${name}`,
);

const site = new PortalSite();
site.runUntil(portalSiteStart + 8 * hour + 20 * 60_000);
const { store, source } = site;

function dump(db: DatabaseSync) {
  return tables.map((table) => db.prepare(`SELECT * FROM ${table}`).all());
}

function blockAt(height: number) {
  const block = store.block(height);
  assert.ok(block !== undefined);
  return block;
}

test("a block that is applied again changes nothing", () => {
  const before = dump(store.db);
  for (const height of [1, 2, store.height]) {
    const block = blockAt(height);
    portalReadModel.apply(store.db, block, block.events);
  }
  assert.deepEqual(dump(store.db), before);
});

test("the tables can be made again from the blocks", () => {
  const db = new DatabaseSync(":memory:");
  db.exec(portalReadModel.schema);
  for (let height = 1; height <= store.height; height++) {
    const block = blockAt(height);
    portalReadModel.apply(db, block, block.events);
  }
  assert.deepEqual(dump(db), dump(store.db));
});

test("the counters are those of the ledger", () => {
  const status = source.status();
  const signed = [...contracts.scan(store.state)];
  const readings = [...meterStates.scan(store.state)].reduce(
    (sum, [, { next }]) => sum + next - 1,
    0,
  );
  assert.ok(signed.length > 10 && readings > 100);
  assert.equal(status.contracts, signed.length);
  assert.equal(
    status.settledContracts,
    signed.filter((one) => paymentOf(store.state, ...one) !== undefined).length,
  );
  assert.equal(
    status.tradedWh,
    signed.reduce((sum, [, { energy }]) => sum + energy, 0),
  );
  assert.equal(status.readings, readings);
  assert.deepEqual([status.height, status.blocks], [store.height, store.height]);
  const last = blockAt(store.height);
  assert.equal(status.blockHash, Buffer.from(last.hash).toString("hex"));
  assert.equal(status.appHash, Buffer.from(last.header.appHash).toString("hex"));
  assert.deepEqual([status.moneySum, status.energySum], [0, 0]);
});

test("lists are newest first and no longer than asked for", () => {
  const heights = source.blocks({ limit: 5 }).map(({ height }) => height);
  assert.deepEqual(
    heights,
    [0, 1, 2, 3, 4].map((back) => store.height - back),
  );
  const slots = source.slots(3).map(({ slot }) => slot);
  assert.deepEqual(
    slots,
    [...slots].sort((a, b) => b - a),
  );
  assert.equal(source.trades({ limit: 7 }).length, 7);
});

test("a slot passes its stages, and a price that carries no energy is null", () => {
  const slots = source.slots(24);
  assert.deepEqual(
    new Set(slots.map(({ stage }) => stage)),
    new Set(["open", "cleared", "settled"]),
  );
  const settled = slots.filter(({ stage }) => stage === "settled");
  for (const { prices, tradedWh, contracts: count } of settled) {
    const traded = Object.values(prices).filter((price) => price !== null);
    assert.ok(traded.length >= 1 && traded.length <= 2, JSON.stringify(prices));
    assert.ok(tradedWh > 0 && count > 0);
  }
});

test("what was settled says what was paid, what was only signed does not", () => {
  for (const { settled, amount } of source.trades({ limit: 500 }))
    assert.equal(amount === null, !settled);
});

test("generation and load of a slot balance with what the exchange measured", () => {
  const known = source.slots(24).filter(({ generationWh }) => generationWh !== null);
  assert.ok(known.length >= 6);
  for (const { slot, generationWh, loadWh } of known) {
    const exchange = slotEnergy(store.state, "bureau-exchange", utcMs(slot), hour);
    assert.ok(exchange !== undefined && generationWh !== null && loadWh !== null);
    const net = exchange.importWh - exchange.exportWh;
    assert.ok(Math.abs(loadWh - generationWh - net) <= 8, `${loadWh} - ${generationWh} ≠ ${net}`);
  }
});

test("the energy of a slot is unknown until every meter's readings cover it", () => {
  const [open] = source.slots(1);
  assert.equal(open?.stage, "open");
  assert.deepEqual([open?.generationWh, open?.loadWh], [null, null]);
});

test("a meter shows the power of its newest signed reading", () => {
  const meters = source.meters();
  assert.equal(meters.length, 6);
  const sum = (ids: readonly string[]) =>
    ids.reduce(
      (all, id) => all + (meters.find(({ meter }) => meter === id)?.powerW ?? Number.NaN),
      0,
    );
  assert.equal(sum(["bureau-exchange"]), sum(["company-net", "user-1-net", "user-2-net"]));
  assert.deepEqual(
    meters.find(({ meter }) => meter === "company-pv"),
    {
      ...meters.find(({ meter }) => meter === "company-pv"),
      role: "generation",
      form: "solar",
      party: "company",
    },
  );
});

test("a meter says how many of its slots are measured, by the ledger's record", () => {
  for (const { meter, slots } of source.meters()) {
    assert.ok(slots !== null && slots.measured >= 6, meter);
    assert.deepEqual([slots.estimated, slots.missing], [0, 0], meter);
  }
});

test("a contract that the bureau objects to is held, then void or paid as any other", () => {
  const db = new DatabaseSync(":memory:");
  db.exec(portalReadModel.schema);
  const contract = "000001780275600-0001";
  const about = { contract, slot: 1, seller: "a", buyer: "b" };
  const header = { time: 1, proposer: "m", appHash: new Uint8Array(32) };
  const state = () => sqliteReader(db).read(tradeRow(contract))?.state;
  let height = 0;
  const happens = (event: LedgerEvent) => {
    const block = { header: { ...header, height: ++height }, hash: new Uint8Array(32), frames: [] };
    portalReadModel.apply(db, block as unknown as CommittedBlock, [event]);
    return state();
  };
  const signed = { ...about, quantityWh: 1, price: 1, origin: "book", scale: "intraday" } as const;
  assert.equal(happens({ type: "contract-signed", ...signed }), "signed");
  const held = { ...about, by: "c", against: "seller", reason: "fraud" } as const;
  assert.equal(happens({ type: "contract-held", ...held }), "held");
  assert.equal(happens({ type: "contract-stands", ...about, outcome: "lapsed" }), "signed");
  assert.equal(happens({ type: "contract-void", ...about, against: "seller" }), "void");
  const paid = { ...about, deliveredWh: 1, amount: 5, subsidy: 0 };
  assert.equal(happens({ type: "contract-settled", ...paid }), "paid");
});

test("power is the net register, else import less export, else not known", () => {
  const registers = (codes: Readonly<Record<string, readonly [number, number]>>) => ({
    registers: new Map(Object.entries(codes)),
  });
  const powerOf = (...changes: Partial<ReadingEntry>[]) => {
    const chain = new MeterChain("user-a");
    const entries = changes.map((change, i) => entry(1_000 + i, 5, 0, change));
    const block = { frames: [chain.frame(...entries)], results: ["ok"] as const };
    return newestPowers(block, new Map([["user-a-meter", true]])).get("user-a-meter")?.powerW;
  };
  const [net, drawn, given] = [obis.netPower, obis.importPower, obis.exportPower];
  assert.equal(powerOf(registers({ [net]: [-1234, -1], [drawn]: [9, 0] })), -123);
  assert.equal(powerOf(registers({ [drawn]: [2, 3], [given]: [5, 2] })), 1500);
  assert.equal(powerOf(registers({ [given]: [5, 2] })), -500);
  assert.equal(powerOf({}), null);
  assert.equal(powerOf(registers({ [net]: [1, 0] }), registers({ [net]: [7, 0] })), 7);
});

test("pages hear of everything that a block brought, the block itself last", () => {
  const heard: string[] = [];
  const stop = source.subscribe(({ event }) => heard.push(event));
  site.runUntil(site.time + hour);
  stop();
  const after = heard.length;
  site.step();
  assert.equal(heard.length, after);
  assert.deepEqual(new Set(heard), new Set(["reading", "price", "trade", "notice", "block"]));
  assert.equal(heard.filter((name) => name !== "notice").at(-1), "block");
});

test("over a grid a slot tells each feeder's price and flow, a trade what its way costs", () => {
  const grid = [line("north", 20_000, {}), line("south", 30_000, {})];
  const run = new GridChain({ "company-a": ["north"], "user-a": ["south"] }, grid);
  const wishes = [
    { owner: "company-a", side: "ask", quantity: 5_000, limit: 450_000 },
    { owner: "user-a", side: "bid", quantity: 2_000, limit: 690_000 },
  ] as const;
  for (const gate of [0, 1, 2]) run.trade(gate, wishes);
  const energy: Record<string, number> = { "company-a": 6_000, "user-a": -6_000 };
  run.deliver((owner) => energy[owner] ?? 0);
  const market = run.events.filter(({ type }) => type !== "readings-accepted");
  const db = new DatabaseSync(":memory:");
  db.exec(portalReadModel.schema);
  portalReadModel.apply(db, blockAt(1), market);
  const model = sqliteReader(db);
  const record = slots.get(run.state, slotKey(slotStart));
  assert.ok(record?.feeders);
  assert.deepEqual(model.read(slotRow(slotStart))?.feeders, feederPrices(record));
  assert.deepEqual(
    feederPrices(record)?.map(({ sentWh }) => sentWh),
    [0, 6_000, -6_000],
  );
  // The picture of the lines shows what the market cleared, and what the bureau took of the rest.
  assert.deepEqual(flowsOfSlot(run.state, slotStart), {
    slot: slotStart,
    lines: [
      { id: "north", from: "north", to: "busbar", flowWh: 9_000, lossWh: 0, capacityWh: null },
      { id: "south", from: "south", to: "busbar", flowWh: -6_000, lossWh: 0, capacityWh: null },
    ],
    cutWh: 0,
  });
  assert.deepEqual(flowsOfSlot(site.store.state, site.time).lines, []);
  const book = model.read(tradesPage({ limit: 10 })).filter(({ origin }) => origin === "book");
  assert.deepEqual(
    book.map(({ fee, gridFee }) => [fee, gridFee]),
    [0, 1, 2].map(() => [50_000, 100_000]),
  );
});

const pinned = {
  membership: { ...site.membership(), epoch: 0, since: 1 },
  source: "file" as const,
  at: 0,
};

/** A proof as an owner's page is handed it. Fails where it is not this owner's to see. */
function proofFor(owner: string, path: string): Uint8Array {
  const { desk } = site;
  const url = new URL(path, "http://p.example");
  const ask = (name: string) => url.searchParams.get(name) ?? "";
  if (url.pathname === "/proofs/event") {
    const place = { height: Number(ask("height")), index: Number(ask("event")) };
    assert.ok(desk.readersOfResult(place).includes(owner), path);
    return desk.eventProof(place) ?? assert.fail(path);
  }
  const owners = desk.ownersOfKey(ask("key"));
  assert.ok(owners === "everybody" || owners?.includes(owner), path);
  return desk.stateProof(ask("key")) ?? assert.fail(path);
}

test("each notice leads to proofs that are its owner's to see, and that say what it says", () => {
  const seen = new Map<string, number>();
  for (const owner of ["user-1", "company"]) {
    for (const { id, link, type } of site.desk.notices({ owner, limit: 500 })) {
      const name = `${owner} ${type}`;
      seen.set(name, (seen.get(name) ?? 0) + 1);
      if ((seen.get(name) ?? 0) > 2) continue;
      const path = decodeURIComponent(link);
      const found = site.desk.link(path, owner);
      const one = found?.notices.find((notice) => notice.id === id);
      assert.ok(found !== undefined && one !== undefined, `${id}: ${path}`);
      const told = found.proofs.flatMap((proof) => {
        const read = readProof(proofFor(owner, proof), pinned, { currency: "CNY", reader: owner });
        assert.ok(read.verdict.ok, `${proof}: ${JSON.stringify(read.verdict)}`);
        return read.told;
      });
      const proven = withPayments(told);
      const { event, facts: standings } = agreementOf(one, proven);
      const certified = Object.values(standings);
      assert.ok(event !== "other" && !certified.includes("other"), `${id} ${type}`);
      assert.ok(certified.includes("proven"), id);
      assert.equal(event === "proven", type !== "quote-cleared", `${id} ${type}: ${event}`);
      // A notice of which a number was changed says what nobody certified.
      const facts = one.facts.map((fact) =>
        fact.name === "slot" ? { ...fact, number: (fact.number ?? 0) + hour } : fact,
      );
      if (!facts.some((fact) => fact.name === "slot")) continue;
      assert.equal(agreementOf({ ...one, facts }, proven).facts.slot, "other", id);
    }
  }
  for (const type of ["contract-signed", "contract-settled", "quote-cleared"])
    assert.ok((seen.get(`user-1 ${type}`) ?? 0) > 0, [...seen.keys()].join(", "));
});

test("a link shows an owner nothing of another one's, and is read whatever it says", () => {
  const [notice] = site.desk.notices({ owner: "company", limit: 1 });
  const path = decodeURIComponent(notice?.link ?? "");
  for (const one of site.desk.link(path, "user-1")?.notices ?? [])
    assert.match(one.id, /-user-1(-\w+)?$/);
  const [foreign] = site.source
    .trades({ limit: 500 })
    .filter(({ seller, buyer }) => ![seller, buyer].includes("user-1"));
  assert.equal(site.desk.link(`payment/${foreign?.contract}`, "user-1"), undefined);
  assert.ok(site.desk.link(`payment/${foreign?.contract}`, undefined) !== undefined);
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 4 }), fc.boolean(), (parts, whole) => {
      const asked = ["payment", "result", ...parts].slice(parts.length % 2).join("/");
      site.desk.link(asked, whole ? undefined : "user-1");
    }),
  );
});

test("a notice says how it fared by each of its ways, from this member", () => {
  const { db } = store;
  const [notice] = site.desk.notices({ owner: "user-1", limit: 1 });
  assert.ok(notice !== undefined);
  db.prepare(
    `INSERT INTO delivery (notice, channel, owner, state, attempts, next, error, height, hold, digest)
     VALUES (?, 'email', 'user-1', 'dead', 14, 0, 'mailbox full', 1, 0, 0)`,
  ).run(notice.id);
  const found = site.desk.link(decodeURIComponent(notice.link), "user-1");
  const one = found?.notices.find(({ id }) => id === notice.id);
  assert.deepEqual(one?.deliveries, [
    { channel: "email", state: "dead", attempts: 14, error: "mailbox full" },
  ]);
  db.prepare("DELETE FROM delivery WHERE notice = ? AND channel = 'email'").run(notice.id);
});

/** For somebody to whom no notice is told. */
const nobody = { currency: "CNY", reader: undefined };

test("a proof of another chain's voters, or of changed bytes, is told as none", () => {
  const key = `contract/${site.source.trades({ limit: 1 })[0]?.contract}`;
  const proof = site.desk.stateProof(key) ?? assert.fail(key);
  const stranger = {
    ...pinned.membership.members[0],
    id: "x",
    key: new Uint8Array(32),
    voting: true,
  };
  const others = { ...pinned, membership: { ...pinned.membership, members: [stranger] } };
  assert.equal(readProof(proof, others, nobody).verdict.ok, false);
  fc.assert(
    fc.property(fc.nat(proof.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const bytes = Uint8Array.from(proof);
      bytes[at] = (bytes[at] ?? 0) ^ by;
      const { verdict, told } = readProof(bytes, pinned, nobody);
      assert.ok(!verdict.ok && told.length === 0, `byte ${at}`);
    }),
    { numRuns: 40 },
  );
});

test("certificates of a few days of one owner are what the whole state says of it, each with its proof", () => {
  const found = site.desk.green({ owner: "company", days: 2 });
  const { from, to, lines } = found;
  const all = greenTotals(store.state, { from, to }).filter(({ owner }) => owner === "company");
  assert.ok(all.length > 0 && lines.length > 0);
  assert.deepEqual(
    found.totals.map(({ heldWh: _, ...total }) => total),
    all,
  );
  assert.deepEqual(
    site.desk.green({ days: 2 }).uses.find(({ owner }) => owner === "user-1"),
    site.desk.green({ owner: "user-1", days: 2 }).uses[0],
  );
  const sum = (name: "issuedWh" | "retiredWh") => lines.reduce((all, line) => all + line[name], 0);
  const total = (name: "issuedWh" | "retiredWh") => all.reduce((s, line) => s + line[name], 0);
  for (const name of ["issuedWh", "retiredWh"] as const) assert.equal(sum(name), total(name));
  const { verdict, told } = readProof(
    proofFor("company", `/proofs/state?key=${encodeURIComponent(lines[0]?.key ?? "")}`),
    pinned,
    nobody,
  );
  assert.ok(verdict.ok);
  assert.deepEqual(told[0]?.values.issued, [lines[0]?.issuedWh]);
});

test("an owner's what-if report has the community's sums and its own, and names nobody else", () => {
  const report = JSON.parse(reportText(store.state, 7)) as WhatIf;
  const own = reportFor(report, "user-1");
  assert.equal(own.parties.length, 1);
  assert.equal(own.members, 3);
  assert.doesNotMatch(JSON.stringify(own), /company|user-2/);
  assert.deepEqual(own.community, report.community);
  const whole = reportFor(report, undefined);
  for (const [s, { costMicro }] of whole.community.entries()) {
    const parts = whole.parties.reduce((sum, one) => sum + (one.totals[s]?.costMicro ?? 0), 0);
    assert.equal(parts, costMicro);
  }
});
