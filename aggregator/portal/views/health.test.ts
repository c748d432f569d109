import assert from "node:assert/strict";
import { test } from "node:test";
import { clockSource } from "@busbar/protocol";
import { Alarms } from "./alarms.ts";
import { meterProblems, unitProblems, worst } from "./health.ts";

const [minute, hour] = [60_000, 3_600_000];
const now = 1_000 * hour;
const slotMs = hour;
const sound = {
  time: now - minute,
  lagMs: 2_000,
  clock: clockSource.ntp,
  slots: { measured: 168, estimated: 0, missing: 0 },
};
const codes = (changes: object) =>
  meterProblems({ ...sound, ...changes }, { now, slotMs }).map(({ code }) => code);

test("a meter that is read has no problem", () => {
  assert.deepEqual(codes({}), []);
  assert.equal(worst([]), "good");
});

test("each trouble of a meter is told by its name, the worst first", () => {
  assert.deepEqual(codes({ time: null }), ["never"]);
  assert.deepEqual(codes({ time: now - hour }), []);
  assert.deepEqual(codes({ time: now - hour - 1 }), ["silent"]);
  assert.deepEqual(codes({ lagMs: -5_000 }), []);
  assert.deepEqual(codes({ lagMs: -5_001 }), ["clock-ahead"]);
  assert.deepEqual(codes({ lagMs: 15 * minute + 1 }), ["backlog"]);
  // Whoever is silent is not catching up.
  assert.deepEqual(codes({ lagMs: hour, time: now - 2 * hour }), ["silent"]);
  assert.deepEqual(codes({ clock: clockSource.unsynchronised }), ["clock-unsynchronised"]);
  assert.deepEqual(codes({ clock: clockSource.monotonicOnly | 1 }), ["clock-unsynchronised"]);
  assert.deepEqual(codes({ slots: { measured: 1, estimated: 0, missing: 3 } }), ["incomplete"]);
  assert.deepEqual(codes({ lagMs: -hour, slots: null, clock: null }), ["clock-ahead"]);
});

test("a unit is offline where no other member can have it; two that fight are named with both addresses", () => {
  const unit = { state: "active", connected: false, elsewhere: false, fight: undefined } as const;
  assert.deepEqual(
    unitProblems(unit).map(({ code }) => code),
    ["offline"],
  );
  assert.deepEqual(unitProblems({ ...unit, elsewhere: true }), []);
  const [fight] = unitProblems({
    ...unit,
    connected: true,
    fight: { older: "10.0.0.7", newer: "10.0.0.9" },
  });
  assert.deepEqual([fight?.code, fight?.detail], ["duplicate-client", "10.0.0.7 and 10.0.0.9"]);
  assert.equal(worst(unitProblems({ ...unit, connected: true, state: "suspended" })), "warn");
  const ends = (certificateDays: number) =>
    unitProblems({ ...unit, connected: true, certificateDays }).map(({ code }) => code);
  assert.deepEqual([ends(21), ends(20)], [[], ["certificate"]]);
});

test("an alarm keeps the time at which it was raised, and is resolved once it is gone", () => {
  let [time, troubles] = [0, ["a"]];
  const alarms = new Alarms(
    () =>
      troubles.map((about) => ({
        id: `silent/${about}`,
        code: "silent",
        level: "bad" as const,
        about,
        owner: about,
        value: time,
        detail: null,
      })),
    () => time,
  );
  const told = () => alarms.list().map(({ id, raised, resolved }) => [id, raised, resolved]);
  assert.deepEqual(told(), [["silent/a", 0, null]]);
  time = 5;
  troubles = ["a", "b"];
  assert.deepEqual(told(), [
    ["silent/b", 5, null],
    ["silent/a", 0, null],
  ]);
  time = 9;
  troubles = ["b"];
  assert.deepEqual(told(), [
    ["silent/b", 5, null],
    ["silent/a", 0, 9],
  ]);
  assert.deepEqual(
    alarms.list("b").map(({ about }) => about),
    ["b"],
  );
  // It comes back: another alarm, with its own time.
  time = 12;
  troubles = ["a", "b"];
  assert.deepEqual(told().slice(0, 2), [
    ["silent/a", 12, null],
    ["silent/b", 5, null],
  ]);
});
