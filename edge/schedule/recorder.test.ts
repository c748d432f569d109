import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { compareObis, Failure, quality, type ReadingEntry, utcMs } from "@busbar/protocol";
import fc from "fast-check";
import { pino } from "pino";
import { testSigner } from "../../test/support/memory-registry.ts";
import { simulatedTime } from "../clock/unit-clock.ts";
import { openDatabase } from "../journal/database.ts";
import { Journal } from "../journal/journal.ts";
import { ReadingsOutbox } from "../journal/readings-outbox.ts";
import { verifyJournal } from "../journal/verify.ts";
import { Counters } from "../status/counters.ts";
import { MeterBoard } from "../status/meter-board.ts";
import { entryOf, isCredible, wholeWh } from "./entry.ts";
import { Recorder } from "./recorder.ts";
import type { MeterReading, Source } from "./source.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-recorder-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const minute = 60_000;
let files = 0;

const value = (obis: string | undefined, mantissa: number, exponent = 0) => ({
  obis,
  quantity: "q",
  unit: "Wh",
  mantissa,
  exponent,
  raw: [],
});

/** What a scripted meter does at its next reads; the last one repeats. */
type Act = {
  readonly wh?: number;
  readonly fails?: boolean;
  /** Wall ms until it answers or fails. */
  readonly takes?: number;
  readonly serial?: string;
  readonly at?: number;
};

/** A recorder of one scripted meter on a site that runs 6 000 times faster. */
function setUp(
  context: TestContext,
  script: readonly Act[],
  { entries = 64, slotMs = 60 * minute } = {},
) {
  files += 1;
  const database = openDatabase(join(folder, `${files}.db`));
  const journal = new Journal(database, { chain: "demo", signer: testSigner(4) });
  const origin = Date.now();
  const clock = simulatedTime({
    speed: 6_000,
    now: () => utcMs(Math.floor((Date.now() - origin) * 6_000)),
    delay: (ms: number) => Math.ceil(ms / 6_000),
  });
  let step = 0;
  let doubts = 0;
  let serial: string | undefined;
  const source: Source = {
    config: {
      id: "m",
      profile: "eastron-sdm630",
      connection: { kind: "tcp", host: "127.0.0.1", port: 1 },
      unit: 1,
      role: "connection",
      feeder: "main",
    },
    registers: [],
    get serial() {
      return serial;
    },
    read: async (): Promise<MeterReading> => {
      const act = script[Math.min(step, script.length - 1)] ?? {};
      step += 1;
      serial = act.serial ?? serial;
      if (act.takes !== undefined) await sleep(act.takes);
      if (act.fails === true) throw new Failure("meter.timeout", "no answer", { retry: "later" });
      return {
        time: utcMs(act.at ?? clock.now()),
        values: [value("1-0:1.8.0", act.wh ?? 0)],
        unknown: [],
      };
    },
    doubt: () => {
      doubts += 1;
    },
    close: async () => {},
  };
  const counters = new Counters();
  const events = new EventEmitter();
  const recorder = new Recorder({
    journal,
    sources: [source],
    clock,
    rhythm: { everyMs: minute, slotMs },
    sealing: { entries, ageMs: 5 * minute },
    board: new MeterBoard("unit-1", [source]),
    counters,
    log: pino({ level: "silent" }),
    onStored: (event) => events.emit("stored", event),
  });
  context.after(() => journal.close());
  /** Runs until so many readings are stored and gives them. */
  const record = async (count: number): Promise<ReadingEntry[]> => {
    recorder.start();
    const all: ReadingEntry[] = [];
    while (all.length < count) {
      const [{ stored }] = await once(events, "stored");
      all.push(...stored.map(({ entry }: { entry: ReadingEntry }) => entry));
    }
    recorder.stop();
    return all.slice(0, count);
  };
  /** Runs until `done` says so after readings or gaps were stored. */
  const recordUntil = async (done: () => boolean): Promise<void> => {
    recorder.start();
    while (!done()) await once(events, "stored");
    recorder.stop();
  };
  return { journal, counters, record, recordUntil, doubts: () => doubts };
}

/** Time and quality of all entries of the meter. */
function entriesOf(journal: Journal): (readonly [time: number, quality: number])[] {
  const rows = journal.database.prepare("SELECT time FROM reading ORDER BY seq").all();
  return rows.map(({ time }) => {
    const at = Number(time);
    return [at, journal.firstAt("m", utcMs(at), utcMs(at + 1))?.quality ?? -1];
  });
}

test("a register that fell is read again before it is believed", async (context) => {
  const misread = setUp(context, [{ wh: 500 }, { wh: 3 }, { wh: 501 }]);
  const [, second] = await misread.record(2);
  assert.deepEqual(
    [second?.quality, second?.registers.get("1-0:1.8.0")],
    [quality.measured, [501, 0]],
  );
  assert.equal(misread.counters.of("meter.misread"), 1);

  const reset = setUp(context, [{ wh: 500 }, { wh: 3 }, { wh: 3 }, { wh: 4 }]);
  const entries = await reset.record(3);
  assert.deepEqual(
    entries.map((entry) => entry.quality),
    [quality.measured, quality.reset, quality.measured],
  );
});

test("a burst of bad readings makes no reset, and readings that disagree make no entry", async (context) => {
  const burst = setUp(context, [{ wh: 500 }, { wh: 3 }, { wh: 3 }, { wh: 501 }]);
  const [, second] = await burst.record(2);
  assert.deepEqual(
    [second?.quality, second?.registers.get("1-0:1.8.0")],
    [quality.measured, [501, 0]],
  );

  const noise = setUp(context, [{ wh: 500 }, { wh: 30 }, { wh: 3 }, { wh: 502 }]);
  const entries = await noise.record(2);
  assert.deepEqual(
    entries.map((entry) => [entry.quality, entry.registers.get("1-0:1.8.0")]),
    [
      [quality.measured, [500, 0]],
      [quality.measured, [502, 0]],
    ],
  );
  assert.equal(noise.counters.of("meter.register-unsteady"), 1);
});

test("a register that leapt is read again: a misreading would make the next true one a reset", async (context) => {
  const { record, counters } = setUp(context, [{ wh: 500 }, { wh: 90_000_000 }, { wh: 501 }]);
  const [, second] = await record(2);
  assert.deepEqual(second?.registers.get("1-0:1.8.0"), [501, 0]);
  assert.equal(counters.of("meter.misread"), 1);
  // What stays is the meter's own word; the ledger bills nobody for it.
  const true_ = setUp(context, [{ wh: 500 }, { wh: 90_000_000 }]);
  const [, leap] = await true_.record(2);
  assert.deepEqual(leap?.registers.get("1-0:1.8.0"), [90_000_000, 0]);
  assert.equal(true_.counters.of("meter.register-leapt"), 1);
  assert.equal(true_.doubts(), 1, "the meter was asked who it is");
  // Leaps that differ from look to look are no register at all.
  const wild = setUp(context, [{ wh: 500 }, { wh: 90_000_000 }, { wh: 270_000_000 }, { wh: 501 }]);
  const [, calm] = await wild.record(2);
  assert.deepEqual(calm?.registers.get("1-0:1.8.0"), [501, 0]);
  assert.equal(wild.counters.of("meter.register-unsteady"), 1);
});

test("another serial number is another meter, whatever it shows", async (context) => {
  const { record } = setUp(context, [
    { wh: 500, serial: "A" },
    { wh: 900, serial: "B" },
    { wh: 901, serial: "B" },
  ]);
  const entries = await record(3);
  assert.deepEqual(
    entries.map((entry) => entry.quality),
    [quality.measured, quality.replaced, quality.measured],
  );
});

test("a reading that fails is counted and leaves no entry", async (context) => {
  const { record, counters, journal } = setUp(context, [{ wh: 1 }, { fails: true }, { wh: 2 }]);
  await record(2);
  assert.equal(counters.of("meter.timeout"), 1);
  assert.deepEqual(verifyJournal(journal.database, "demo").problems, []);
});

test("a meter that was away over a slot's boundary leaves a gap entry before the reading that ends it", async (context) => {
  const [before, after] = [59 * minute, 64 * minute];
  const away = setUp(context, [
    { wh: 1, at: before },
    { wh: 9, at: after },
  ]);
  await away.recordUntil(() => away.journal.tip("m").seq >= 3);
  assert.deepEqual(entriesOf(away.journal).slice(0, 3), [
    [before, quality.measured],
    [after - 1, quality.gap],
    [after, quality.measured],
  ]);

  const [early, late] = [2 * minute, 58 * minute];
  const within = setUp(context, [
    { wh: 1, at: early },
    { wh: 9, at: late },
    { wh: 9, at: 60 * minute },
  ]);
  await within.record(3);
  assert.equal(within.counters.of("meter.gap"), 0, "the registers at the boundaries are there");
});

test("a meter that failed and answered within one commit was away until it answered", async (context) => {
  // So late that a boundary passed: it is asked again at once, and one commit takes both.
  const script = [{ wh: 1 }, { fails: true, takes: 50 }, { wh: 2 }];
  const { recordUntil, journal, counters } = setUp(context, script, { slotMs: minute });
  await recordUntil(() => counters.of("meter.gap") >= 1);
  const [, [gap = 0, ...isGap] = [], [reading = 0, ...isReading] = []] = entriesOf(journal);
  assert.deepEqual([isGap, isReading], [[quality.gap], [quality.measured]]);
  assert.equal(gap, reading - 1);
  assert.equal(counters.of("clock.backward"), 0);
});

test("a meter that stays away leaves one gap entry for each boundary that passes", async (context) => {
  const { journal, counters, recordUntil } = setUp(context, [{ wh: 1 }, { fails: true }]);
  await recordUntil(() => counters.of("meter.gap") >= 3);
  const entries = entriesOf(journal);
  assert.deepEqual(
    entries.map(([, how]) => how),
    [quality.measured, ...Array(entries.length - 1).fill(quality.gap)],
  );
  const slots = entries.map(([time]) => Math.floor(time / (60 * minute)));
  assert.equal(new Set(slots).size, slots.length);
});

test("a clock that was set back makes doubtful entries, never a time that runs backward", async (context) => {
  const { record, counters } = setUp(context, [
    { wh: 1, at: 900_000_000 },
    { wh: 2, at: 600_000_000 },
    { wh: 3, at: 600_060_000 },
  ]);
  const entries = await record(3);
  assert.deepEqual(
    entries.map(({ time }) => time),
    [900_000_000, 900_000_001, 900_000_002],
  );
  assert.deepEqual(
    entries.map(({ clock }) => clock & 0x02),
    [0, 2, 2],
  );
  assert.ok(counters.of("clock.backward") >= 2);
});

test("every reading ends up in exactly one signed batch", async (context) => {
  const { record, journal } = setUp(context, [{ wh: 1 }], { entries: 3 });
  await record(20);
  let next = 1;
  for (const { range } of new ReadingsOutbox(journal.database).pending("m", 1000)) {
    assert.equal(range?.first, next);
    assert.ok((range?.last ?? 0) - next < 3);
    next = (range?.last ?? 0) + 1;
  }
  assert.equal(next, journal.tip("m").seq + 1);
});

test("values without a code stay out, too fine ones are rounded, billing ones are in", () => {
  const context = { lastTime: 0, clock: 16, quality: 0, billingOnly: false };
  const many = Array.from({ length: 100 }, (_, i) => value(`1-1:${i}.7.0`, i));
  const values = [
    value(undefined, 7),
    value("1-0:14.7.0", 123_456, -11),
    ...many,
    value("1-0:2.8.0", 5),
  ];
  const { registers } = entryOf({ time: utcMs(9), values }, context);
  assert.equal(registers.size, 80);
  assert.ok(registers.has("1-0:2.8.0"));
  const codes = [...registers.keys()];
  assert.deepEqual(codes, [...codes].sort(compareObis), "in the wire's order");
  const few = entryOf({ time: utcMs(9), values: values.slice(0, 2) }, context);
  assert.deepEqual([...few.registers], [["1-0:14.7.0", [1235, -9]]]);
  const lean = entryOf({ time: utcMs(9), values }, { ...context, billingOnly: true });
  assert.deepEqual([...lean.registers.keys()], ["1-0:2.8.0"]);
});

test("whole Wh are rounded down, as the ledger rounds them", () => {
  fc.assert(
    fc.property(fc.nat(1e9), fc.integer({ min: -3, max: 0 }), (mantissa, exponent) => {
      assert.equal(
        wholeWh([mantissa, exponent]),
        Number(BigInt(mantissa) / 10n ** BigInt(-exponent)),
      );
    }),
  );
});

test("a register that no meter can show is unknown, not an entry that the ledger refuses for ever", async (context) => {
  const { record, counters } = setUp(context, [
    { wh: 5 },
    { wh: -1 },
    { wh: 10_000_000_000_001 },
    { wh: 6 },
  ]);
  const entries = await record(4);
  assert.deepEqual(
    entries.map(({ registers, quality }) => [registers.get("1-0:1.8.0"), quality]),
    [
      [[5, 0], quality.measured],
      [undefined, quality.measured],
      [undefined, quality.measured],
      [[6, 0], quality.measured],
    ],
  );
  assert.equal(counters.of("meter.register-incredible"), 2);
});

test("a value that the wire cannot carry costs itself only", () => {
  const fits = value("1-0:14.7.0", 50);
  const unfit = [
    value("1-0:999.7.0", 1),
    value("gas", 1),
    value("1-0:32.7.0*255", 1),
    value("1-0:32.7.0", 0.5),
    value("1-0:32.7.0", 2 ** 53),
    value("1-0:32.7.0", 1, 10),
    { ...value("1-0:32.7.0", 1), step: 1 },
    { ...value("1-0:32.7.0", 1), step: 2.5 },
    { ...value("1-0:32.7.0", 1), step: 1e12 },
  ];
  assert.deepEqual([fits, ...unfit].filter(isCredible), [fits]);
});

test("a disk that is full when a batch is signed ends nothing, and the batch is signed later", async (context) => {
  const { journal, counters, record } = setUp(context, [{ wh: 1 }], { entries: 2 });
  const seal = journal.seal.bind(journal);
  let full = 3;
  journal.seal = (meter, entriesMax) => {
    full -= 1;
    if (full >= 0) throw new Error("database or disk is full");
    return seal(meter, entriesMax);
  };
  await record(20);
  assert.equal(counters.of("journal.seal-failed"), 3);
  assert.equal(journal.unsealed("m").count, 0);
});
