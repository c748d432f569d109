import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { encodeHeader, toBeSigned, type UtcMs, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Application } from "./application.ts";
import type { Projection } from "./projection.ts";
import { rules } from "./rules/index.ts";
import { Store } from "./store.ts";
import { chain, entry, MeterChain, signerOfName, startTime, testGenesis } from "./test-site.ts";
import { verifyLedger } from "./verify.ts";

/** Without the market's block rules: a block holds what its test put there. */
const quiet = { ...rules, block: [] };

function file(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "busbar-store-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "ledger.sqlite");
}

function recordBlocks(store: Store, count: number): void {
  const application = new Application({ genesis: testGenesis(), store, verify, rules: quiet });
  if (!application.info().begun) application.initChain();
  const meter = new MeterChain("user-a");
  for (let n = 0; n < count; n++) {
    const time = utcMs(startTime + n);
    const frames = [meter.frame(entry(time, n))];
    recordOne(application, frames, time);
  }
}

function recordOne(application: Application, frames: Uint8Array[], time: UtcMs): void {
  const { proposal } = application.prepareProposal({ time, proposer: "member-a", view: 0, frames });
  const signer = signerOfName("member-a");
  const { header } = application.finalizeBlock(proposal);
  const message = toBeSigned(encodeHeader(header), signer.kid, { chain, kind: "block" });
  application.commit([{ kid: signer.kid, signature: signer.sign(message) }]);
}

/** Counts blocks and events: what a read model does. */
const counting = (
  schema = "CREATE TABLE count_blocks (height INTEGER, events INTEGER)",
): Projection => ({
  name: "count",
  schema,
  apply(db, block, events) {
    db.prepare("INSERT INTO count_blocks (height, events) VALUES (?, ?)").run(
      block.header.height,
      events.length,
    );
  },
});

const counted = (store: Store) =>
  store.db
    .prepare("SELECT height, events FROM count_blocks")
    .all()
    .map((row) => ({ ...row }));

test("a projection sees each block once, also those from before it was there", (t) => {
  const path = file(t);
  const first = new Store(path);
  recordBlocks(first, 3);
  first.close();
  const second = new Store(path, [counting()]);
  const expected = [1, 2, 3].map((height) => ({ height, events: 1 }));
  assert.deepEqual(counted(second), expected);
  second.close();
  const third = new Store(path, [counting()]);
  assert.deepEqual(counted(third), expected);
  third.close();
  const changed = new Store(path, [
    counting("CREATE TABLE count_blocks (height INTEGER, events INTEGER, more TEXT)"),
  ]);
  assert.deepEqual(counted(changed), expected, "another schema is filled again");
  changed.close();
});

test("a projection that fails takes its block with it", (t) => {
  const failing: Projection = {
    name: "broken",
    schema: "CREATE TABLE broken_rows (height INTEGER)",
    apply(db, { header }) {
      db.prepare("INSERT INTO broken_rows VALUES (?)").run(header.height);
      if (header.height === 2) throw new Error("cannot project this");
    },
  };
  const store = new Store(file(t), [failing]);
  t.after(() => store.close());
  assert.throws(() => recordBlocks(store, 3), /cannot project this/);
  assert.equal(store.height, 1);
  assert.equal(store.db.prepare("SELECT count(*) AS n FROM broken_rows").get()?.n, 1);
});

test("another program's file and a newer one are refused by name", (t) => {
  const path = file(t);
  const foreign = new DatabaseSync(path);
  foreign.exec("CREATE TABLE theirs (a)");
  foreign.close();
  assert.throws(() => new Store(path), { code: "store.foreign" });
  const newer = `${path}-newer`;
  const store = new Store(newer);
  store.db.exec("PRAGMA user_version=99");
  store.close();
  assert.throws(() => new Store(newer), { code: "store.newer" });
  assert.throws(() => new Store("/nowhere/ledger.sqlite"), { code: "store.open" });
});

test("a state that was changed behind the ledger's back is noticed at the start", (t) => {
  const path = file(t);
  const store = new Store(path);
  recordBlocks(store, 2);
  store.db.exec("UPDATE state SET value = x'00' WHERE key = 'account/user-a'");
  store.close();
  const again = new Store(path);
  t.after(() => again.close());
  const open = () => new Application({ genesis: testGenesis(), store: again, verify });
  assert.throws(open, { code: "store.corrupt" });
});

test("who only reads sees one height, while blocks go on and nobody waits", (t) => {
  const path = file(t);
  const writer = new Store(path);
  recordBlocks(writer, 2);
  const reader = new Store(path, [], { snapshot: true });
  const meter = new MeterChain("company-a");
  const time = utcMs(startTime + 10);
  const application = new Application({
    genesis: testGenesis(),
    store: writer,
    verify,
    rules: quiet,
  });
  recordOne(application, [meter.frame(entry(time, 1))], time);
  assert.equal(writer.height, 3);
  assert.equal(reader.height, 2);
  const seen = new Application({ genesis: testGenesis(), store: reader, verify });
  assert.equal(seen.info().height, 2);
  assert.deepEqual(verifyLedger({ store: reader, genesis: testGenesis(), verify, rules: quiet }), {
    ok: true,
    from: 0,
    height: 2,
    certified: 2,
    transactions: 2,
    readings: 2,
    readingsBefore: 0,
  });
  reader.close();
  writer.close();
});

test("a reader's lock is waited for, not taken for a broken disk", (t) => {
  const path = file(t);
  const store = new Store(path);
  recordBlocks(store, 1);
  const { timeout } = store.db.prepare("PRAGMA busy_timeout").get() ?? {};
  assert.ok(Number(timeout) >= 1_000, `busy timeout ${timeout} ms`);
  store.close();
});

test("verify names the block that a damaged disk left unreadable", (t) => {
  const path = file(t);
  const store = new Store(path);
  recordBlocks(store, 3);
  store.db.exec("UPDATE block SET header = x'ff00' WHERE height = 2");
  const result = verifyLedger({ store, genesis: testGenesis(), verify, rules: quiet });
  assert.equal(result.ok, false);
  assert.deepEqual([result.height, "code" in result && result.code], [2, "verify.unreadable"]);
  store.close();
});

test("tables that refer to each other can be made again", (t) => {
  const path = file(t);
  const schema = (more: string) => `
    CREATE TABLE pair_one (id INTEGER PRIMARY KEY${more});
    CREATE TABLE pair_two (one INTEGER NOT NULL REFERENCES pair_one (id));`;
  const pair = (more = ""): Projection => ({
    name: "pair",
    schema: schema(more),
    apply(db, { header }) {
      db.prepare("INSERT INTO pair_one (id) VALUES (?)").run(header.height);
      db.prepare("INSERT INTO pair_two (one) VALUES (?)").run(header.height);
    },
  });
  const store = new Store(path, [pair()]);
  recordBlocks(store, 2);
  store.close();
  const changed = new Store(path, [pair(", more TEXT")]);
  const count = changed.db.prepare("SELECT count(*) AS n FROM pair_two").get()?.n;
  assert.equal(count, 2);
  changed.close();
});
