import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chainHead,
  chainStart,
  type MeterTip,
  quality,
  type ReadingEntry,
  utcMs,
} from "@busbar/protocol";
import { testSigner } from "../../test/support/memory-registry.ts";
import { openDatabase } from "../journal/database.ts";
import { Journal } from "../journal/journal.ts";
import { prune } from "../journal/prune.ts";
import { ReadingsOutbox } from "../journal/readings-outbox.ts";
import { verifyJournal } from "../journal/verify.ts";
import { Adoption } from "./adoption.ts";
import { MeterMemory } from "./memory.ts";

const chain = "demo";
const quietMs = 1_000;
const zero = new Uint8Array(32);

function reading(time: number, wh: number, how: number = quality.measured): ReadingEntry {
  return {
    time: utcMs(time),
    clock: 16,
    registers: new Map([["1-0:1.8.0", [wh, 0]]]),
    quality: how,
  };
}

/** A unit with a journal of its own, on a clock that the test sets. */
function unit({ hasAllOfKey = false } = {}) {
  const journal = new Journal(openDatabase(":memory:"), { chain, signer: testSigner(6) });
  const memory = new MeterMemory(journal);
  let now = 0;
  const adoption = new Adoption({
    journal,
    memory,
    now: () => now,
    quietMs,
    hasAllOfKey: () => hasAllOfKey,
  });
  return {
    journal,
    memory,
    /** Records as the recorder does. */
    record(...entries: readonly ReadingEntry[]) {
      for (const entry of entries) {
        const shown = { serial: "A", registers: entry.registers };
        memory.take("m", entry.time, shown);
        journal.append([{ meter: "m", entry }], memory.notes());
        memory.keep();
      }
    },
    take(at: number, tip: MeterTip) {
      now = at;
      return adoption.take(tip);
    },
    entries: (): (readonly [number, ReadingEntry])[] => {
      const { seq } = journal.tip("m");
      const first = Number(
        journal.database.prepare("SELECT min(seq) AS seq FROM reading").get()?.seq ?? seq + 1,
      );
      journal.seal("m", 64);
      assert.deepEqual(verifyJournal(journal.database, chain).problems, []);
      const rows = journal.database.prepare("SELECT time FROM reading ORDER BY seq").all();
      return rows.map(({ time }, i) => {
        const entry = journal.firstAt("m", utcMs(Number(time)), utcMs(Number(time) + 1));
        assert.ok(entry !== undefined);
        return [first + i, entry] as const;
      });
    },
  };
}

/** The ledger's chain after these entries of an earlier journal. */
function tipAfter(entries: readonly ReadingEntry[], height = 9): MeterTip {
  const head = entries.reduce((prev, entry) => chainHead(prev, entry), chainStart(chain, "m"));
  const last = entries.at(-1);
  assert.ok(last !== undefined);
  const importRegister = last.registers.get("1-0:1.8.0")?.[0] ?? 0;
  return {
    meter: "m",
    state: {
      next: entries.length + 1,
      head,
      time: last.time,
      importRegister,
      importWh: importRegister,
      exportWh: 0,
      restarts: 0,
      batches: 1,
    },
    header: {
      chain,
      height,
      time: utcMs(0),
      previous: zero,
      txRoot: zero,
      resultsRoot: zero,
      appHash: zero,
      validatorsHash: zero,
      proposer: "m1",
      view: 0,
    },
  };
}

const lost = [reading(100, 1_000), reading(200, 1_010), reading(300, 1_020)];

test("an empty journal goes on behind the ledger's chain once that has stood still", () => {
  const u = unit();
  u.record(reading(400, 1_030), reading(500, 1_040));
  u.journal.seal("m", 64);
  assert.equal(u.take(2_000, tipAfter(lost)), "waits");
  assert.equal(u.take(2_999, tipAfter(lost)), "waits");
  u.record(reading(600, 1_050));
  assert.equal(u.take(3_000, tipAfter(lost)), "adopted");
  assert.deepEqual(u.entries(), [
    [4, reading(400, 1_030)],
    [5, reading(500, 1_040)],
    [6, reading(600, 1_050)],
  ]);
  const [batch, more] = new ReadingsOutbox(u.journal.database).pending("m", 9);
  assert.deepEqual([batch?.range, more], [{ first: 4, last: 6 }, undefined]);
  u.record(reading(700, 1_060));
  assert.equal(u.journal.tip("m").seq, 7);
  assert.equal(u.take(9_999, tipAfter([...lost, reading(400, 1_030)])), "own");
});

test("a new key goes on at once behind a chain that ended before its first reading, and behind no other", () => {
  const u = unit({ hasAllOfKey: true });
  u.record(reading(400, 1_030), reading(500, 1_040));
  u.journal.seal("m", 64);
  assert.equal(u.take(2_000, tipAfter(lost)), "adopted");
  assert.deepEqual(
    u.entries().map(([seq]) => seq),
    [4, 5],
  );
  // What the old unit brought just before its key was taken from it comes to light later.
  assert.equal(u.take(2_001, tipAfter([...lost, reading(390, 1_029)], 10)), "adopted");
  assert.deepEqual(
    u.entries().map(([seq]) => seq),
    [5, 6],
  );

  const beside = unit({ hasAllOfKey: true });
  beside.record(reading(300, 1_020), reading(400, 1_030));
  assert.equal(beside.take(2_000, tipAfter(lost)), "waits");
  assert.equal(beside.take(3_000, tipAfter(lost)), "adopted");
  assert.deepEqual(
    beside.entries().map(([, { time }]) => time),
    [400],
  );
});

test("a chain that grows meanwhile has another unit behind it, and is left to it", () => {
  const u = unit();
  u.record(reading(400, 1_030));
  const grown = [...lost, reading(450, 1_031)];
  assert.equal(u.take(2_000, tipAfter(lost)), "waits");
  assert.equal(u.take(3_500, tipAfter(grown, 10)), "waits");
  // An aggregator that lags behind says nothing new, however late it says it.
  assert.equal(u.take(9_000, tipAfter(lost)), "waits");
  assert.equal(u.take(4_400, tipAfter(grown, 11)), "waits");
  assert.equal(u.entries()[0]?.[0], 1);
});

test("a journal that the ledger knows never changes its numbers", () => {
  const proven = unit();
  proven.record(reading(50, 900), reading(400, 1_030));
  proven.journal.seal("m", 1);
  const outbox = new ReadingsOutbox(proven.journal.database);
  outbox.committed(outbox.pending("m", 1)[0]?.ref ?? "", Uint8Array.of(1));
  for (const at of [2_000, 9_000]) assert.equal(proven.take(at, tipAfter(lost)), "parted");
  // A ledger that was restored may have made the unit give a proven batch again.
  proven.journal.database.exec("UPDATE batch SET state = 'signed'");
  assert.equal(proven.take(9_500, tipAfter(lost)), "parted");
  assert.equal(proven.entries()[0]?.[0], 1);

  const pruned = unit();
  pruned.record(reading(50, 900), reading(400, 1_030));
  pruned.journal.seal("m", 1);
  pruned.journal.database.exec(
    "UPDATE batch SET state = 'committed', receipt = x'01' WHERE first = 1",
  );
  prune(pruned.journal.database, { before: utcMs(100), bytesMax: 1e9 });
  for (const at of [2_000, 9_000]) assert.equal(pruned.take(at, tipAfter(lost)), "parted");
});

test("what the ledger knew later than a reading, or may hold, is set aside and not sent", () => {
  const u = unit();
  u.record(reading(250, 1_015), reading(300, 1_020), reading(400, 1_030));
  u.take(2_000, tipAfter(lost));
  assert.equal(u.take(3_000, tipAfter(lost)), "adopted");
  assert.deepEqual(u.entries(), [[4, reading(400, 1_030)]]);
  const aside = u.journal.database.prepare("SELECT seq, time FROM aside ORDER BY seq").all();
  assert.deepEqual(
    aside.map(({ seq, time }) => [seq, time]),
    [
      [1, 250],
      [2, 300],
    ],
  );
});

test("a journal of which nothing can go on still continues the ledger's chain and time", () => {
  const u = unit();
  u.record(reading(250, 1_015));
  u.take(2_000, tipAfter(lost));
  assert.equal(u.take(3_000, tipAfter(lost)), "adopted");
  assert.deepEqual(u.entries(), []);
  assert.equal(u.journal.tip("m").seq, 3);
  assert.equal(u.memory.timeOf("m"), 300);
  assert.equal(
    u.memory.judge("m", { serial: "A", registers: new Map([["1-0:1.8.0", [5, 0]]]) }),
    3,
  );
});

test("a register below the ledger's is marked, so that the ledger takes it", () => {
  const u = unit();
  u.record(reading(400, 7), reading(500, 8));
  u.take(2_000, tipAfter(lost));
  assert.equal(u.take(3_000, tipAfter(lost)), "adopted");
  assert.deepEqual(u.entries(), [
    [4, reading(400, 7, quality.reset)],
    [5, reading(500, 8)],
  ]);
  assert.equal(u.memory.judge("m", { serial: "B", registers: new Map() }), quality.replaced);
});

test("a chain that grew after it was taken over is taken over again, while nothing is proven", () => {
  const u = unit();
  u.record(reading(400, 1_030), reading(500, 1_040));
  u.take(2_000, tipAfter(lost));
  assert.equal(u.take(3_000, tipAfter(lost)), "adopted");
  u.journal.seal("m", 64);
  const grown = [...lost, reading(390, 1_029)];
  assert.equal(u.take(3_500, tipAfter(grown, 10)), "waits");
  assert.equal(u.take(4_500, tipAfter(grown, 10)), "adopted");
  assert.deepEqual(
    u.entries().map(([seq, { time }]) => [seq, time]),
    [
      [5, 400],
      [6, 500],
    ],
  );
});

test("many readings move, and a meter of which there is nothing is left alone", () => {
  const u = unit();
  assert.equal(u.take(0, tipAfter(lost)), "own");
  u.record(...Array.from({ length: 1_203 }, (_, i) => reading(400 + i, 1_030 + i)));
  u.take(2_000, tipAfter(lost));
  assert.equal(u.take(3_000, tipAfter(lost)), "adopted");
  const entries = u.entries();
  assert.deepEqual([entries.length, entries.at(-1)], [1_203, [1_206, reading(1_602, 2_232)]]);
});

test("a reading that the disk has spoilt is set aside, and those behind it go on", () => {
  const u = unit();
  u.record(reading(400, 1_030), reading(500, 1_040), reading(600, 1_050));
  const { database } = u.journal;
  database.exec("UPDATE reading SET payload = x'00' WHERE seq = 2");
  u.take(2_000, tipAfter(lost));
  assert.equal(u.take(3_000, tipAfter(lost)), "adopted");
  assert.deepEqual(
    u.entries().map(([seq, { time }]) => [seq, time]),
    [
      [4, 400],
      [5, 600],
    ],
  );
  assert.equal(database.prepare("SELECT seq FROM aside").get()?.seq, 2);
});

test("a disk that fails in the middle leaves the journal as it was", () => {
  const u = unit();
  u.record(reading(400, 1_030), reading(500, 1_040));
  u.take(2_000, tipAfter(lost));
  u.journal.database.exec(
    "CREATE TRIGGER full BEFORE INSERT ON reading WHEN NEW.time = 500 BEGIN SELECT RAISE(ABORT, 'full'); END",
  );
  assert.throws(() => u.take(3_000, tipAfter(lost)), /full/);
  u.journal.database.exec("DROP TRIGGER full");
  assert.deepEqual(
    u.entries().map(([seq]) => seq),
    [1, 2],
  );
  assert.equal(u.take(3_100, tipAfter(lost)), "adopted");
});

test("an exchange that no entry told of yet is still owed behind the ledger's chain", () => {
  const u = unit();
  u.record(reading(400, 1_030));
  u.memory.exchanged("m", 400);
  for (const [key, value] of u.memory.notes()) u.journal.setNote(key, value);
  u.memory.keep();
  u.take(2_000, tipAfter(lost));
  assert.equal(u.take(3_000, tipAfter(lost)), "adopted");
  const next = { serial: undefined, registers: new Map([["1-0:1.8.0", [9_000, 0]]] as const) };
  assert.equal(u.memory.judge("m", next), quality.replaced);
});

test("a final register below the ledger's is marked too, and a mark with half the registers stays owed", () => {
  const u = unit();
  u.record(reading(400, 7, quality.substituted));
  u.take(2_000, tipAfter(lost));
  assert.equal(u.take(3_000, tipAfter(lost)), "adopted");
  assert.deepEqual(u.entries(), [[4, reading(400, 7, quality.reset)]]);

  const half = unit();
  const both = (time: number, taken: number, given: number): ReadingEntry => ({
    ...reading(time, taken),
    registers: new Map([
      ["1-0:1.8.0", [taken, 0]],
      ["1-0:2.8.0", [given, 0]],
    ]),
  });
  half.record(reading(400, 1_040, quality.reset), both(500, 1_050, 9));
  const ending = tipAfter([...lost.slice(0, -1), both(300, 1_020, 5)]);
  const tip = { ...ending, state: { ...ending.state, exportRegister: 5 } };
  half.take(2_000, tip);
  assert.equal(half.take(3_000, tip), "adopted");
  assert.deepEqual(
    half.entries().map(([, { quality: how }]) => how),
    [quality.reset, quality.reset],
  );
});

test("an old proof that is shown again moves nothing, and one shown often wears no disk", () => {
  const u = unit();
  u.record(reading(400, 1_030));
  assert.equal(u.take(2_000, tipAfter(lost)), "waits");
  const writes = () => u.journal.database.prepare("SELECT total_changes() AS n").get()?.n;
  const before = writes();
  for (let i = 0; i < 100; i++) assert.equal(u.take(2_001 + i, tipAfter(lost)), "waits");
  assert.equal(writes(), before);
  const [first] = lost;
  assert.ok(first !== undefined);
  for (const at of [2_200, 9_000]) assert.equal(u.take(at, tipAfter([first], 8)), "waits");
  assert.equal(u.take(9_001, tipAfter(lost)), "adopted");
  assert.equal(u.take(99_000, tipAfter([first], 8)), "waits");
  assert.deepEqual(u.entries(), [[4, reading(400, 1_030)]]);
});

test("a unit that was shown an old proof, and believed it, comes to the ledger's end all the same", () => {
  const u = unit();
  u.record(reading(150, 1_005), reading(400, 1_030));
  const [first] = lost;
  assert.ok(first !== undefined);
  for (const at of [2_000, 3_000]) u.take(at, tipAfter([first], 8));
  assert.deepEqual(u.entries(), [
    [2, reading(150, 1_005)],
    [3, reading(400, 1_030)],
  ]);
  assert.equal(u.take(4_000, tipAfter(lost)), "waits");
  assert.equal(u.take(5_000, tipAfter(lost)), "adopted");
  assert.deepEqual(u.entries(), [[4, reading(400, 1_030)]]);
});
