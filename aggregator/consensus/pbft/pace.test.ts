import assert from "node:assert/strict";
import { test } from "node:test";
import { usualTiming } from "./limits.ts";
import {
  attendedMs,
  likelyMs,
  type Pace,
  paceAfter,
  type Standstill,
  standstillsAt,
} from "./pace.ts";

const paceOf = (...took: readonly number[]): Pace | undefined =>
  took.reduce<Pace | undefined>(paceAfter, undefined);

test("what a block may take follows what blocks took, and comes back", () => {
  assert.equal(likelyMs(undefined, usualTiming), 0);
  assert.equal(likelyMs(paceOf(400), usualTiming), 1_200);
  const steady = paceOf(...Array.from({ length: 40 }, () => 400));
  assert.ok(Math.abs(likelyMs(steady, usualTiming) - 400) < 1);
  const after = (count: number) =>
    likelyMs(paceOf(400, 3_000, ...Array.from({ length: count }, () => 400)), usualTiming);
  assert.ok(after(0) > 3_000, "one slow block is borne at once");
  assert.ok(after(40) < 500, "and forgotten within some dozens");
});

test("a leader that is ever slower gains no more than the cap", () => {
  const slower = Array.from({ length: 100 }, (_, i) => 1_000 * 1.3 ** i);
  assert.equal(likelyMs(paceOf(...slower), usualTiming), usualTiming.measuredMsMax);
});

test("a time without ticks is no time that passed, as far as it lies after the moment in question", () => {
  let standstills: readonly Standstill[] = [];
  for (const [ticked, now] of [
    [0, 50],
    [50, 250],
    [250, 5_450],
    [5_450, 5_500],
    [5_500, 6_700],
  ] as const) {
    standstills = standstillsAt(standstills, { ticked, now });
  }
  assert.deepEqual(standstills, [
    { at: 5_450, ms: 5_000 },
    { at: 6_700, ms: 1_000 },
  ]);
  const passed = (since: number) => attendedMs(standstills, { since, now: 7_000 });
  assert.equal(passed(0), 1_000);
  assert.equal(passed(250), 750);
  assert.equal(passed(5_000), 550, "only what it stood still since then");
  assert.equal(passed(5_450), 550);
  assert.equal(passed(6_000), 300);
  assert.equal(passed(6_800), 200);
});

test("a process that stands still all the time fills no memory", () => {
  let standstills: readonly Standstill[] = [];
  for (let at = 0; at < 10_000; at += 1) {
    standstills = standstillsAt(standstills, { ticked: at * 300, now: (at + 1) * 300 });
  }
  assert.equal(standstills.length, 256);
});
