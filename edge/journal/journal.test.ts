import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { decodeMessage, openFrame, type ReadingEntry, utcMs } from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import fc from "fast-check";
import { lockFolder, openDatabase, openDatabaseToRead } from "./database.ts";
import { exportReadings } from "./export.ts";
import { Journal } from "./journal.ts";
import { retainedFrom } from "./keeper.ts";
import { prune } from "./prune.ts";
import { ReadingsOutbox } from "./readings-outbox.ts";
import { summarise } from "./summary.ts";
import { verifyJournal } from "./verify.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-journal-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const signer = signerOf(openKeyFile(join(folder, "device.key")));
const chain = "demo";
let files = 0;
const fresh = () => {
  files += 1;
  return join(folder, `${files}`, "journal.db");
};
const open = (path: string) => new Journal(openDatabase(path), { chain, signer });
const entry = (time: number, wh = time, registers = 1): ReadingEntry => ({
  time: utcMs(time),
  clock: 16,
  registers: new Map(
    Array.from({ length: registers }, (_, i) => [`1-0:1.8.${i}`, [wh + i, 0]] as const),
  ),
  quality: 0,
});

/** Appends, signs, receives receipts, prunes and dies in any order. */
const step = fc.oneof(
  fc.record({
    do: fc.constant("append" as const),
    meters: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 6 }),
  }),
  fc.record({ do: fc.constant("seal" as const), meter: fc.constantFrom("a", "b", "c") }),
  fc.record({ do: fc.constant("receipt" as const), meter: fc.constantFrom("a", "b", "c") }),
  fc.record({ do: fc.constant("refuse" as const), meter: fc.constantFrom("a", "b", "c") }),
  fc.record({ do: fc.constant("prune" as const), age: fc.nat(40) }),
  fc.record({ do: fc.constant("crash" as const) }),
);

test("whatever happens in whatever order, the chain holds and nothing without a receipt is gone", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const path = fresh();
      let journal = open(path);
      let outbox = new ReadingsOutbox(journal.database);
      let time = 1;
      const appended = new Map<string, number>();
      const committed = new Map<string, number>();
      const frames = new Map<string, string>();
      for (const act of steps) {
        if (act.do === "append") {
          journal.append(act.meters.map((meter) => ({ meter, entry: entry(time++) })));
          for (const meter of act.meters) appended.set(meter, (appended.get(meter) ?? 0) + 1);
        } else if (act.do === "seal") {
          journal.seal(act.meter, 4);
        } else if (act.do === "prune") {
          prune(journal.database, { before: utcMs(Math.max(0, time - act.age)), bytesMax: 1e9 });
        } else if (act.do === "crash") {
          journal.close();
          journal = open(path);
          outbox = new ReadingsOutbox(journal.database);
        } else {
          const [first] = outbox.pending(act.meter, 1);
          if (first?.range === undefined) continue;
          const ref = Buffer.from(first.ref, "hex");
          if (act.do === "refuse") {
            outbox.refused(first.ref, { ref, code: "pool.full", message: "later" });
            continue;
          }
          outbox.committed(first.ref, Uint8Array.of(1));
          committed.set(act.meter, first.range.last);
        }
        for (const meter of outbox.lanes()) {
          for (const { ref, frame, range } of outbox.pending(meter, 100)) {
            const key = `${meter}/${range?.first}`;
            assert.equal(frames.get(key) ?? ref, ref, "a frozen batch changed");
            frames.set(key, ref);
            assert.ok(openFrame(frame).ok);
          }
        }
      }
      const check = verifyJournal(journal.database, chain);
      assert.deepEqual(check.problems, []);
      for (const [meter, count] of appended) {
        assert.equal(journal.tip(meter).seq, count);
        const kept = [...exportReadings(journal.database, "json", { meter })].map(
          (line) => (JSON.parse(String(line)) as { seq: number }).seq,
        );
        for (let seq = (committed.get(meter) ?? 0) + 1; seq <= count; seq++) {
          assert.ok(kept.includes(seq), `${meter} ${seq} is gone without a receipt`);
        }
      }
      journal.close();
    }),
    { numRuns: 40 },
  );
});

test("batches join without a gap, hold what was appended and fit a frame", () => {
  const journal = open(fresh());
  for (let i = 1; i <= 100; i++) journal.append([{ meter: "m", entry: entry(i, i, 70) }]);
  journal.seal("m", 64);
  let next = 1;
  for (const { frame } of new ReadingsOutbox(journal.database).pending("m", 1000)) {
    const opened = openFrame(frame);
    assert.ok(opened.ok);
    const decoded = decodeMessage("readings", opened.frame.envelope.payload);
    assert.ok(decoded.ok);
    assert.equal(decoded.message.first, next);
    assert.equal(decoded.message.entries[0]?.time, next);
    next += decoded.message.entries.length;
  }
  assert.equal(next, 101);
  journal.close();
});

test("what waited unsigned for long is signed in several commits, and goes on after a full disk", () => {
  const journal = open(fresh());
  const { database } = journal;
  journal.append(Array.from({ length: 103 }, (_, i) => ({ meter: "m", entry: entry(i + 1, i) })));
  database.exec(
    "CREATE TRIGGER full BEFORE INSERT ON batch WHEN NEW.first > 80 BEGIN SELECT RAISE(ABORT, 'full'); END",
  );
  assert.throws(() => journal.seal("m", 2), /full/);
  assert.equal(journal.unsealed("m").count, 103 - 2 * 32, "what was signed before stays");
  database.exec("DROP TRIGGER full");
  journal.seal("m", 2);
  const ranges = new ReadingsOutbox(database).pending("m", 1000).map(({ range }) => range);
  assert.deepEqual(ranges.at(-1), { first: 103, last: 103 });
  assert.equal(ranges.length, 52);
  assert.deepEqual(verifyJournal(database, "demo").problems, []);
  journal.close();
});

test("a reading that the disk has spoilt is unknown to who looks, and stops the signing with a remedy", () => {
  const journal = open(fresh());
  for (const time of [1, 2]) journal.append([{ meter: "m", entry: entry(time) }]);
  journal.database.exec("UPDATE reading SET payload = x'00' WHERE seq = 2");
  assert.equal(journal.firstAt("m", utcMs(1), utcMs(2))?.time, 1);
  assert.equal(journal.firstAt("m", utcMs(2), utcMs(3)), undefined);
  assert.equal(journal.newest("m"), undefined);
  assert.throws(() => journal.seal("m", 64), { code: "journal.damaged", message: /set-aside/ });
  journal.close();
});

test("an append that fails half-way leaves no reading of it", () => {
  const journal = open(fresh());
  journal.append([{ meter: "m", entry: entry(1) }]);
  const bad = { ...entry(3), clock: 999 };
  assert.throws(() =>
    journal.append([
      { meter: "m", entry: entry(2) },
      { meter: "m", entry: bad },
    ]),
  );
  assert.equal(journal.tip("m").seq, 1);
  journal.append([{ meter: "m", entry: entry(4) }]);
  assert.deepEqual(verifyJournal(journal.database, chain).problems, []);
  assert.equal(summarise(journal.database).meters[0]?.readings, 2);
  journal.close();
});

test("a changed, missing or exchanged row is found by verify", () => {
  const damage: readonly (readonly [string, string])[] = [
    [
      "UPDATE reading SET payload = (SELECT payload FROM reading WHERE seq = 2) WHERE seq = 3",
      "journal.row",
    ],
    ["DELETE FROM reading WHERE seq = 3", "journal.gap"],
    ["UPDATE reading SET head = zeroblob(32) WHERE seq = 3", "journal.chain"],
    ["UPDATE batch SET frame = zeroblob(80) WHERE first = 1", "journal.batch"],
    ["DELETE FROM batch WHERE first = 3", "journal.batch"],
  ];
  for (const [sql, code] of damage) {
    const journal = open(fresh());
    for (let i = 1; i <= 8; i++) journal.append([{ meter: "m", entry: entry(i) }]);
    journal.seal("m", 2);
    assert.deepEqual(verifyJournal(journal.database, chain).problems, []);
    journal.database.exec(sql);
    const codes = verifyJournal(journal.database, chain).problems.map((problem) => problem.code);
    assert.ok(codes.includes(code), `${sql}: ${codes}`);
    journal.close();
  }
});

test("a size cap removes committed readings and never others", () => {
  const journal = open(fresh());
  const outbox = new ReadingsOutbox(journal.database);
  for (let i = 1; i <= 60; i++) journal.append([{ meter: "m", entry: entry(i, i, 40) }]);
  journal.seal("m", 10);
  const [first, second] = outbox.pending("m", 10);
  assert.ok(first !== undefined && second !== undefined);
  outbox.committed(first.ref, Uint8Array.of(1));
  outbox.committed(second.ref, Uint8Array.of(1));
  prune(journal.database, { before: utcMs(0), bytesMax: 1 });
  const after = summarise(journal.database).meters[0];
  assert.equal(after?.firstSeq, (second.range?.last ?? 0) + 1);
  assert.deepEqual(verifyJournal(journal.database, chain).problems, []);
  journal.close();
});

test("one folder has one writer, readers beside it, and the lock ends with its holder", () => {
  const path = fresh();
  const journal = open(path);
  const home = join(path, "..");
  const lock = lockFolder(home);
  assert.throws(() => lockFolder(home), { code: "journal.in-use" });
  journal.append([{ meter: "m", entry: entry(1) }]);
  const reader = openDatabaseToRead(path);
  assert.equal(summarise(reader).meters[0]?.readings, 1);
  reader.close();
  lock.release();
  lockFolder(home).release();
  journal.close();
});

test("a file of a newer version and a file that is no database are refused with what to do", () => {
  const path = fresh();
  const database = openDatabase(path);
  database.exec("PRAGMA user_version = 99");
  database.close();
  assert.throws(() => openDatabase(path), { code: "journal.newer" });
  assert.throws(() => openDatabase(join(folder, "device.key")), { code: "journal.damaged" });
});

test("every register of an exported reading is one CSV line", () => {
  const journal = open(fresh());
  journal.append([{ meter: "m", entry: entry(1_700_000_000_000, 5, 2) }]);
  assert.deepEqual([...exportReadings(journal.database, "csv", {})].join("").trim().split("\n"), [
    "meter,seq,time,obis,value,resolution,quality,clock",
    "m,1,2023-11-14T22:13:20.000Z,1-0:1.8.0,5,1,measured,informative",
    "m,1,2023-11-14T22:13:20.000Z,1-0:1.8.1,6,1,measured,informative",
  ]);
  journal.close();
});

test("no batch spans more time than the ledger takes at once, also when the clock leapt", () => {
  const day = 86_400_000;
  const journal = open(fresh());
  const times = [0, 10, 31, 32, 62, 70, 10_000].map((days) => days * day);
  for (const time of times) journal.append([{ meter: "a", entry: entry(time, 1) }]);
  journal.seal("a", 64);
  const batches = new ReadingsOutbox(journal.database).pending("a", 99).map(({ range }) => range);
  assert.deepEqual(batches, [
    { first: 1, last: 3 },
    { first: 4, last: 5 },
    { first: 6, last: 6 },
    { first: 7, last: 7 },
  ]);
  journal.close();
});

test("what a unit asks its journal at each poll and each look reads no whole table", () => {
  const journal = open(fresh());
  const asked: string[] = [];
  const prepare = journal.database.prepare.bind(journal.database);
  journal.database.prepare = (sql) => {
    asked.push(sql);
    return prepare(sql);
  };
  for (const time of [1, 2]) {
    journal.append([{ meter: "a", entry: entry(time) }]);
    journal.unsealed("a");
    journal.seal("a", 64);
  }
  summarise(journal.database);
  const outbox = new ReadingsOutbox(journal.database);
  for (const lane of outbox.lanes()) outbox.sent(outbox.pending(lane, 64).map(({ ref }) => ref));
  retainedFrom(journal.database, { now: 1, days: 1 });
  prune(journal.database, { before: utcMs(1), bytesMax: 1e9 });
  journal.database.prepare = prepare;
  for (const sql of asked.filter((text) => text.includes("FROM"))) {
    for (const { detail } of prepare(`EXPLAIN QUERY PLAN ${sql}`).all()) {
      // Reads along an index: of one meter's batches only those without a receipt.
      const plan = String(detail);
      const bounded = !/^SCAN (reading|batch|b|o)\b/.test(plan) || /batch_(open|done)/.test(plan);
      assert.ok(bounded && !/max\(last\)/.test(sql), `${plan}: ${sql}`);
    }
  }
  journal.close();
});

test("an export that takes long beside a unit does not make its write-ahead log grow", () => {
  const path = fresh();
  const journal = open(path);
  let seq = 0;
  const append = (count: number) => {
    const samples = Array.from({ length: count }, () => ({ meter: "m", entry: entry(++seq) }));
    journal.append(samples);
  };
  append(3_000);
  const reader = openDatabaseToRead(path);
  const pieces = exportReadings(reader, "json", {});
  let read = 0;
  for (const _ of pieces) {
    read += 1;
    if (read <= 200) append(100);
  }
  assert.equal(read, seq, "what came meanwhile is in it");
  reader.close();
  assert.ok(
    statSync(`${path}-wal`).size < 8 * 1024 * 1024,
    `${statSync(`${path}-wal`).size} bytes`,
  );
  journal.close();
});
