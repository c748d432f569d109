import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { clockSource } from "@busbar/protocol";
import type { Evidence } from "./evidence.ts";
import { type ClockChange, UnitClock } from "./unit-clock.ts";

const hour = 3_600_000;
const noon = Date.UTC(2026, 5, 21, 12);
const yes: Evidence = { synchronised: true, by: "test" };
const no: Evidence = { synchronised: false, by: "test" };
const silent: Evidence = { synchronised: undefined, by: "nobody" };

/** A unit's clock on a machine of the test: it sets the clocks and says what the system says. */
function setUp(evidence: Evidence, { wall = noon, trust = "ntp" as "ntp" | "system" } = {}) {
  const machine = {
    ms: 5_000,
    offset: wall - 5_000,
    battery: undefined as number | undefined,
    evidence,
    asked: 0,
    boot: "boot-1",
    wall: () => machine.ms + machine.offset,
    monotonic: () => machine.ms,
    batteryClock: () => machine.battery,
    look: async () => {
      machine.asked += 1;
      return machine.evidence;
    },
  };
  const changes: ClockChange[] = [];
  const onChange = (change: ClockChange) => void changes.push(change);
  const clock = new UnitClock({ machine, trust, boundMs: 1_000, onChange });
  return { machine, clock, changes };
}

test("what the clock rests on is said with each reading", async () => {
  const cases: readonly (readonly [Evidence, number])[] = [
    [yes, clockSource.ntp],
    [{ ...yes, boundMs: 900 }, clockSource.ntp],
    [{ ...yes, boundMs: 1_100 }, clockSource.informative],
    [silent, clockSource.informative],
  ];
  for (const [evidence, byte] of cases) {
    const { clock } = setUp(evidence);
    await clock.begin(0);
    assert.deepEqual([clock.known, clock.byte, clock.now()], [true, byte, noon]);
  }
});

test("a clock that nobody set is not known; times taken meanwhile are exact once it is", async () => {
  const { machine, clock, changes } = setUp(no, { wall: noon - 9 * hour });
  await clock.begin(noon - 10 * hour);
  assert.equal(clock.known, false);
  const { mark } = clock;
  const taken = clock.now();
  machine.ms += 60_000;
  // The system's clock is set, while nobody vouches for it yet: the unit's stands still.
  machine.offset += 9 * hour;
  assert.equal(clock.now(), taken + 60_000);
  await clock.look();
  assert.equal(clock.known, false);
  machine.evidence = yes;
  await clock.look();
  assert.deepEqual([clock.known, clock.byte], [true, clockSource.ntp]);
  assert.notEqual(clock.mark, mark);
  assert.equal(clock.now(), noon + 60_000);
  assert.equal(clock.restate(taken, mark), noon);
  assert.equal(clock.ofMonotonic(5_000), noon);
  assert.deepEqual(changes, [{ what: "known", byMs: 9 * hour, by: "test" }]);
});

test("without a time service a clock is believed that a battery keeps, or that is told to be trusted", async () => {
  const kept = setUp(no);
  kept.machine.battery = noon + 3_000;
  await kept.clock.begin(0);
  assert.deepEqual([kept.clock.known, kept.clock.byte], [true, clockSource.informative]);

  // A clock chip without a battery counts from 1970 while the system starts at a saved time.
  const empty = setUp(no);
  empty.machine.battery = 12_000;
  await empty.clock.begin(0);
  assert.equal(empty.clock.known, false);

  const trusted = setUp(no, { trust: "system" });
  await trusted.clock.begin(0);
  assert.deepEqual([trusted.clock.known, trusted.clock.byte], [true, clockSource.unsynchronised]);
});

test("a clock before what the unit knew, or far beyond it, is wrong whoever keeps it", async () => {
  const ahead = 500 * 24 * hour;
  for (const floor of [noon + 1, noon - ahead]) {
    for (const [evidence, trust] of [
      [silent, "ntp"],
      [no, "system"],
    ] as const) {
      const { clock, machine } = setUp(evidence, { trust });
      machine.battery = noon;
      await clock.begin(floor);
      assert.equal(clock.known, false);
    }
    const { clock } = setUp(yes);
    await clock.begin(floor);
    assert.equal(clock.known, true, "a time service knows better");
  }
});

test("a time in which no unit ran is wrong at a first start too, whoever keeps it", async () => {
  for (const wall of [0, Date.UTC(2000, 0, 1), Date.UTC(2099, 0, 1)]) {
    for (const [evidence, trust] of [
      [silent, "ntp"],
      [no, "ntp"],
      [no, "system"],
    ] as const) {
      const { clock, machine } = setUp(evidence, { wall, trust });
      machine.battery = wall;
      await clock.begin(0);
      assert.equal(clock.known, false);
      // Somebody sets it: what was read until then gets its true time.
      machine.offset = machine.battery = noon;
      await clock.look();
      assert.equal(clock.known, true);
    }
  }
});

test("a step that nobody vouches for is never signed: the unit goes on by the monotonic clock", async () => {
  for (const step of [5 * hour, -5 * hour]) {
    const { machine, clock, changes } = setUp(silent);
    await clock.begin(0);
    const { mark } = clock;
    machine.offset += step;
    machine.ms += 1_000;
    assert.equal(clock.now(), noon + 1_000, "not before the system was asked");
    await clock.look();
    assert.deepEqual([clock.now(), clock.mark], [noon + 1_000, mark]);
    assert.equal(clock.byte, clockSource.monotonicOnly);
    await clock.look();
    assert.deepEqual(changes.slice(1), [{ what: "step-refused", byMs: step, by: "nobody" }]);

    machine.evidence = yes;
    await clock.look();
    assert.deepEqual([clock.now(), clock.byte], [noon + 1_000 + step, clockSource.ntp]);
    assert.equal(clock.restate(noon, mark), noon + step);
    assert.equal(changes.at(-1)?.what, "stepped");
  }
});

test("a clock that is set back by hand comes into step again by itself", async () => {
  const { machine, clock } = setUp(silent);
  await clock.begin(0);
  machine.offset += hour;
  await clock.look();
  machine.offset -= hour;
  await clock.look();
  assert.deepEqual([clock.byte, clock.now()], [clockSource.informative, noon]);
});

test("small changes are followed at once, and a lost time service is said", async () => {
  const { machine, clock } = setUp(yes);
  await clock.begin(0);
  machine.offset += 1_500;
  assert.equal(clock.now(), noon + 1_500);
  machine.evidence = no;
  await clock.look();
  assert.deepEqual([clock.known, clock.byte], [true, clockSource.monotonicOnly]);
});

test("the system is asked at a low rate, more often while in doubt, and at a step at once", async () => {
  const { machine, clock } = setUp(yes);
  await clock.begin(0);
  const calls = async (ms: number) => {
    const before = machine.asked;
    for (let left = ms; left > 0; left -= 1_000) {
      machine.ms += 1_000;
      clock.now();
      await setImmediate();
    }
    return machine.asked - before;
  };
  assert.equal(await calls(hour), 6);
  machine.evidence = silent;
  machine.offset += hour;
  assert.ok((await calls(60_000)) >= 1);
  assert.ok((await calls(600_000)) >= 15);
});
