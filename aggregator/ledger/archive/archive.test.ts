import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { verifyProof } from "@busbar/protocol";
import { proveConsistency, provePayment, proveResult } from "../prove.ts";
import { receiptOf, receiptOfReading } from "../receipts.ts";
import { sha256 } from "../sha256.ts";
import { Keeper } from "../snapshots/keeper.ts";
import {
  genesis,
  minute,
  openLedger,
  record,
  snapshotOf,
  stateOf,
  story,
  told,
  verifyOnce,
} from "../test-ledger.ts";
import { startTime } from "../test-site.ts";
import { verifyLedger } from "../verify.ts";
import { Archives, bothOf } from "./archive.ts";
import { prune } from "./pruning.ts";

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "busbar-archive-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "archive");
}

/** Runs a pruning, or as many steps of it. */
function run(work: ReturnType<typeof prune>, steps = Number.POSITIVE_INFINITY) {
  for (let n = 0; n < steps; n++) {
    const step = work.next();
    if (step.done) return step.value;
  }
  work.return([]);
  return undefined;
}

/** Before the n-th block of the story. */
const beforeBlock = (height: number) => startTime + (height - 1) * 10 * minute;

test("what leaves the store lies whole in the archive: receipts, payments and results are still proved", (t) => {
  const folder = folderOf(t);
  const ledger = told(30);
  const { store, application } = ledger;
  const whole = Array.from({ length: 30 }, (_, n) => store.block(n + 1));
  const frame = whole[4]?.frames[0] ?? new Uint8Array();
  const receipt = receiptOf(store, sha256(frame));
  const payment = provePayment(store, "contract-settled", {});
  const result = proveResult(store, 5, 2);
  assert.ok(receipt && payment && result);
  assert.deepEqual(run(prune(store, { folder, before: beforeBlock(21) })), [], "no snapshot yet");
  assert.equal(store.base, 0);

  snapshotOf(ledger);
  const [file] = run(prune(store, { folder, before: beforeBlock(21) })) ?? [];
  assert.deepEqual([file?.from, file?.to, store.base], [1, 20, 20]);
  assert.equal(store.block(20), undefined);
  assert.deepEqual(store.block(21), whole[20]);
  assert.equal(receiptOf(store, sha256(frame)), undefined);
  const archives = new Archives(folder);
  t.after(() => archives.close());
  const both = bothOf(store, archives);
  assert.deepEqual(
    Array.from({ length: 30 }, (_, n) => both.block(n + 1)),
    whole,
  );
  assert.deepEqual(receiptOf(both, sha256(frame)), receipt);
  assert.deepEqual(
    receiptOfReading(both, { meter: "user-a-meter", sequence: 5 })?.header.height,
    5,
  );
  assert.deepEqual(provePayment(both, "contract-settled", {}), payment);
  assert.deepEqual(proveResult(both, 5, 2), result);
  const headerAt = (height: number) => both.header(height)?.header;
  const consistency = proveConsistency(application, store, [3, 25], headerAt);
  assert.ok(consistency);
  const proof = { kind: "consistency", consistency } as const;
  assert.equal(verifyProof(proof, application.membership(), verifyOnce).ok, true);

  // The ledger goes on, and the next file follows the first.
  const rest = story(44).slice(30);
  for (const chapter of rest) record(ledger, chapter);
  snapshotOf(ledger);
  run(prune(store, { folder, before: beforeBlock(36) }));
  assert.deepEqual(readdirSync(folder), [
    "blocks-0000000001-0000000020.sqlite",
    "blocks-0000000021-0000000035.sqlite",
  ]);
});

test("a pruned ledger verifies from a snapshot, and from genesis with its archive", (t) => {
  const folder = folderOf(t);
  const ledger = told(24);
  const { store } = ledger;
  snapshotOf(ledger);
  for (const chapter of story(30).slice(24)) record(ledger, chapter);
  run(prune(store, { folder, before: beforeBlock(21) }));
  const given = { store, genesis, verify: verifyOnce };
  const alone = verifyLedger(given);
  assert.ok(alone.ok, JSON.stringify(alone));
  assert.deepEqual([alone.from, alone.height, alone.readings], [24, 30, 18]);
  assert.equal(alone.readingsBefore, 72);
  const archives = new Archives(folder);
  t.after(() => archives.close());
  const blocks = bothOf(store, archives);
  const both = verifyLedger({ ...given, blocks });
  assert.ok(both.ok, JSON.stringify(both));
  assert.deepEqual([both.from, both.height, both.readings], [0, 30, 90]);

  const faults: readonly (readonly [string, number, string])[] = [
    ["UPDATE snapshot_chunk SET bytes = x'80' WHERE idx = 1", 24, "verify.snapshot"],
    ["UPDATE snapshot SET metadata = x'80'", 24, "verify.snapshot"],
    ["DELETE FROM snapshot", 1, "verify.missing"],
    ["UPDATE event SET json = '{}' WHERE height = 27 AND idx = 0", 27, "verify.events"],
    ["DELETE FROM state WHERE key = 'account/user-a'", 30, "verify.state"],
  ];
  for (const [sql, height, code] of faults) {
    store.db.exec(`SAVEPOINT fault; ${sql}`);
    const broken = verifyLedger(given);
    store.db.exec("ROLLBACK TO fault; RELEASE fault");
    assert.deepEqual(broken.ok ? broken : [broken.height, broken.code], [height, code], sql);
  }
});

test("a pruning that was stopped anywhere goes on, and loses nothing", (t) => {
  const chapters = story(10);
  const whole = told(10);
  for (let steps = 0; steps < 5; steps++) {
    const folder = folderOf(t);
    const ledger = openLedger();
    for (const chapter of chapters) record(ledger, chapter);
    snapshotOf(ledger);
    const { store } = ledger;
    run(prune(store, { folder, before: beforeBlock(9) }), steps);
    run(prune(store, { folder, before: beforeBlock(9) }));
    assert.equal(store.base, 8, `${steps} steps`);
    const archives = new Archives(folder);
    const both = bothOf(store, archives);
    for (let height = 1; height <= 10; height++) {
      assert.deepEqual(both.block(height), whole.store.block(height));
    }
    archives.close();
    assert.equal(stateOf(ledger), stateOf(whole));
  }
});

test("an archive that was damaged or is another chain's is found out, and nothing leaves the store for it", (t) => {
  const folder = folderOf(t);
  // The file is finished, the blocks are in these stores yet.
  const [twin, ledger, another] = [told(10), told(10), told(10)];
  for (const one of [twin, ledger, another]) snapshotOf(one);
  run(prune(twin.store, { folder, before: beforeBlock(9) }));
  run(prune(another.store, { folder, before: beforeBlock(9) }));
  assert.equal(another.store.base, 8, "a good one is taken");
  const { store } = ledger;
  const [name = ""] = readdirSync(folder);
  const path = join(folder, name);
  assert.match(name, /^blocks-.*\.sqlite$/);
  const faults = [
    "UPDATE tx SET frame = x'00' WHERE height = 3 AND idx = 0",
    "UPDATE tx SET hash = zeroblob(32) WHERE height = 3 AND idx = 0",
    "UPDATE event SET json = '{}' WHERE height = 3 AND idx = 0",
    "UPDATE block SET hash = zeroblob(32) WHERE height = 3",
    "UPDATE block SET header = x'ff' WHERE height = 3",
    "DELETE FROM block WHERE height = 3",
  ];
  const good = readFileSync(path);
  for (const sql of faults) {
    writeFileSync(path, good);
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
    const again = () => run(prune(store, { folder, before: beforeBlock(9) }));
    assert.throws(again, { code: "archive.file" }, sql);
    assert.equal(store.base, 0);
  }
  for (const content of ["", "garbage of whatever length", "\u0000".repeat(8192)]) {
    writeFileSync(path, content);
    const open = () => {
      const archives = new Archives(folder);
      try {
        assert.notEqual(archives.files[0]?.check(), undefined);
      } finally {
        archives.close();
      }
    };
    assert.throws(open, { code: "archive.file" });
  }
});

test("beside a running ledger, the first block of each span is followed by a snapshot and a pruning", (t) => {
  const folder = folderOf(t);
  const ledger = openLedger();
  const work: (() => void)[] = [];
  const failed: unknown[] = [];
  const keeper = new Keeper({
    store: ledger.store,
    everyMs: 60 * minute,
    archive: { folder, keepDays: 1 },
    soon: (slice) => void work.push(slice),
    failed: (error) => void failed.push(error),
  });
  for (const chapter of story(160)) {
    keeper.committed(record(ledger, chapter));
    for (let slice = work.shift(); slice !== undefined; slice = work.shift()) slice();
  }
  const heights = ledger.store.snapshots.list().map(({ height }) => height);
  assert.deepEqual(heights, [157, 151]);
  assert.deepEqual(failed, []);
  // The last pruning was at block 157, a day is 144 blocks.
  assert.equal(ledger.store.base, 12);
  keeper.stop();
});
