import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { clockSource, quality, utcMs } from "@busbar/protocol";
import { testSigner } from "../../test/support/memory-registry.ts";
import { UnitClock } from "../clock/unit-clock.ts";
import { openDatabase } from "../journal/database.ts";
import { heldCount } from "../journal/held.ts";
import { Journal } from "../journal/journal.ts";
import { verifyJournal } from "../journal/verify.ts";
import { MeterMemory } from "./memory.ts";
import { floorNote, Undated } from "./undated.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-undated-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const noon = Date.UTC(2026, 5, 21, 12);
const hour = 3_600_000;
let files = 0;

/** A unit that starts again and again: each start has a boot id and a clock that nobody vouches for. */
function setUp() {
  files += 1;
  const path = join(folder, `${files}.db`);
  return (boot: string, wall: number) => {
    const journal = new Journal(openDatabase(path), { chain: "demo", signer: testSigner(8) });
    const memory = new MeterMemory(journal);
    const machine = {
      ms: 10_000,
      offset: wall - 10_000,
      synchronised: false,
      boot,
      wall: () => machine.ms + machine.offset,
      monotonic: () => machine.ms,
      batteryClock: () => undefined,
      look: async () => ({ synchronised: machine.synchronised, by: "test" }),
    };
    const clock = new UnitClock({ machine, trust: "ntp", boundMs: 1_000 });
    const rhythm = { everyMs: 60_000, slotMs: hour };
    const undated = new Undated({ journal, memory, clock, meters: ["m"], rhythm });
    return {
      journal,
      undated,
      memory,
      /** Reads the meter after so many ms. */
      read(ms: number, wh: number, serial = "A") {
        machine.ms += ms;
        const value = {
          obis: "1-0:1.8.0",
          quantity: "import",
          unit: "Wh",
          mantissa: wh,
          exponent: 0,
        };
        const reading = { time: clock.now(), values: [{ ...value, raw: [] }], unknown: [] };
        const read = { reading, serial, profile: "p", mark: clock.mark };
        undated.hold([{ meter: "m", read }], false);
      },
      /** A time service sets the clock. */
      async synchronise(wall: number) {
        await clock.look();
        machine.offset = wall - machine.ms;
        machine.synchronised = true;
        await clock.look();
        assert.ok(clock.known);
      },
      entries() {
        assert.deepEqual(verifyJournal(journal.database, "demo").problems, []);
        const rows = journal.database.prepare("SELECT time FROM reading ORDER BY seq").all();
        return rows.map(({ time }) => {
          const entry = journal.firstAt("m", utcMs(Number(time)), utcMs(Number(time) + 1));
          return [
            entry?.time,
            entry?.clock,
            entry?.quality,
            entry?.registers.get("1-0:1.8.0")?.[0],
          ];
        });
      },
    };
  };
}

const sure = clockSource.monotonicOnly;

test("readings of a unit whose clock was wrong at its start are signed with their true times", async () => {
  const unit = setUp()("boot-1", noon - 30 * hour);
  unit.read(0, 100);
  unit.read(60_000, 110);
  assert.deepEqual([unit.journal.tip("m").seq, unit.undated.count], [0, 2]);
  await unit.synchronise(noon);
  assert.deepEqual([...unit.undated.release()], ["m"]);
  assert.deepEqual(unit.entries(), [
    [noon - 60_000, sure, quality.measured, 100],
    [noon, sure, quality.measured, 110],
  ]);
  assert.deepEqual([unit.undated.count, heldCount(unit.journal.database)], [0, 0]);
  assert.deepEqual([...unit.undated.release()], []);
});

test("a unit that was killed before it knew the time still has the readings, and dates them exactly", async () => {
  const start = setUp();
  const first = start("boot-1", noon - 30 * hour);
  first.read(0, 100);
  // Killed: nothing was closed. The machine goes on, its monotonic clock with it.
  const again = start("boot-1", noon - 30 * hour);
  again.read(90_000, 120);
  await again.synchronise(noon);
  again.undated.release();
  assert.deepEqual(
    again.entries().map(([time, clock]) => [time, clock]),
    [
      [noon - 90_000, sure],
      [noon, sure],
    ],
  );
});

test("readings of a start that never knew the time lie between what was known, in order, and are doubtful", async () => {
  const start = setUp();
  const known = start("boot-0", noon);
  await known.synchronise(noon);
  known.read(0, 90);
  known.undated.release();
  known.journal.setNote(floorNote, String(noon + hour));

  const blind = start("boot-1", noon + hour);
  blind.read(0, 100);
  blind.read(hour, 150);
  const next = start("boot-2", noon + hour);
  next.read(0, 200);
  await next.synchronise(noon + 10 * hour);
  next.undated.release();
  const all = next.entries();
  const entries = all.filter(([, , how]) => how !== quality.gap);
  assert.equal(all.length - entries.length, 3, "and the ledger hears that there were gaps");
  assert.deepEqual(
    entries.map(([, clock, how, wh]) => [clock, how, wh]),
    [
      [sure, quality.measured, 90],
      [sure | 0x02, quality.measured, 100],
      [sure | 0x02, quality.measured, 150],
      [sure, quality.measured, 200],
    ],
  );
  const [, second, third, fourth] = entries.map(([time]) => Number(time));
  assert.ok(second !== undefined && third !== undefined);
  assert.equal(third - second, hour);
  assert.ok(second >= noon + hour && third <= noon + 10 * hour);
  assert.equal(fourth, noon + 10 * hour);
});

test("an exchange or a reset while the time was unknown is marked as at any time", async () => {
  const unit = setUp()("boot-1", noon - hour);
  unit.read(0, 100);
  unit.read(60_000, 7, "B");
  unit.read(60_000, 5, "B");
  await unit.synchronise(noon);
  unit.undated.release();
  assert.deepEqual(
    unit.entries().map(([, , how]) => how),
    [quality.measured, quality.replaced, quality.reset],
  );
});

test("many held readings become entries, and a disk that fails in between loses none and doubles none", async () => {
  const unit = setUp()("boot-1", noon - hour);
  const { database } = unit.journal;
  database.exec("PRAGMA synchronous = OFF");
  for (let n = 0; n < 1_103; n++) unit.read(1_000, n);
  await unit.synchronise(noon);
  database.exec(
    "CREATE TRIGGER full BEFORE INSERT ON reading WHEN NEW.seq = 700 BEGIN SELECT RAISE(ABORT, 'full'); END",
  );
  assert.throws(() => unit.undated.release(), /full/);
  unit.memory.forget();
  assert.equal(unit.journal.tip("m").seq, 500);
  database.exec("DROP TRIGGER full");
  unit.undated.release();
  const shown = unit.entries().map(([, , , wh]) => wh);
  assert.deepEqual(
    shown,
    Array.from({ length: 1_103 }, (_, n) => n),
  );
});

test("a held reading that the disk has spoilt is kept aside, and keeps no other from being signed", async () => {
  const unit = setUp()("boot-1", noon - hour);
  for (const wh of [100, 110, 120]) unit.read(60_000, wh);
  const { database } = unit.journal;
  database.exec("UPDATE held SET payload = x'00' WHERE id = 2");
  await unit.synchronise(noon);
  unit.undated.release();
  assert.deepEqual(
    unit.entries().map(([, , , wh]) => wh),
    [100, 120],
  );
  const aside = database.prepare("SELECT meter, seq FROM aside").all();
  assert.deepEqual(
    aside.map(({ meter, seq }) => [meter, seq]),
    [["m", 2]],
  );
  assert.deepEqual([unit.undated.count, heldCount(database)], [0, 0]);
});
