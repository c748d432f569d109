import assert from "node:assert/strict";
import { test } from "node:test";
import { clockSource } from "@busbar/protocol";
import fc from "fast-check";
import { type Bounds, placing, type Start } from "./placing.ts";

const hour = 3_600_000;
const sure = clockSource.monotonicOnly;
const doubtful = sure | 0x02;
type Undated = { readonly boot: string; readonly monotonic: number; readonly wall: number };
const at = (boot: string, monotonic: number, wall = 0): Undated => ({ boot, monotonic, wall });

function datesOf(readings: readonly Undated[], bounds: Bounds) {
  const starts: Start[] = [...Map.groupBy(readings, ({ boot }) => boot)].map(([boot, those]) => {
    const [{ monotonic: first = 0, wall = 0 } = {}] = those;
    const ms = Math.max(...those.map(({ monotonic }) => monotonic - first));
    return { boot, first, ms, wall };
  });
  return readings.map(placing(starts, bounds));
}

test("readings of this start get their true times, by the clock that was set later", () => {
  const bounds = { boot: "b", startedAt: 1_000_000, after: 0 };
  assert.deepEqual(datesOf([at("b", 5_000), at("b", 65_000)], bounds), [
    { time: 1_005_000, clock: sure },
    { time: 1_065_000, clock: sure },
  ]);
});

test("readings of an earlier start keep their distances, in the middle of what is possible, and are doubtful", () => {
  const bounds = { boot: "b", startedAt: 100 * hour, after: 90 * hour };
  const dates = datesOf([at("a", 10_000), at("a", 10_000 + 2 * hour), at("b", 1_000)], bounds);
  assert.deepEqual(dates, [
    { time: 94 * hour, clock: doubtful },
    { time: 96 * hour, clock: doubtful },
    { time: 100 * hour + 1_000, clock: sure },
  ]);
});

test("the system's clock of that time is a better bound, where it can be true", () => {
  const bounds = { boot: "b", startedAt: 100 * hour, after: 90 * hour };
  assert.equal(datesOf([at("a", 0, 96 * hour)], bounds)[0]?.time, 98 * hour);
  // It said a time that has not come: it says nothing.
  assert.equal(datesOf([at("a", 0, 130 * hour)], bounds)[0]?.time, 95 * hour);
});

test("a unit that never knew the time dates an earlier start as late as it can have been", () => {
  const bounds = { boot: "b", startedAt: 1e12, after: 0 };
  const dates = datesOf([at("a", 7_000), at("a", 67_000), at("c", 0)], bounds);
  assert.deepEqual(
    dates.map(({ time }) => time),
    [1e12 - 60_000, 1e12, 1e12],
  );
});

test("whatever is known, times keep the order, stay within bounds that can hold, and only this start's are sure", () => {
  const taken = fc.record({ start: fc.nat(3), ms: fc.nat(hour), wall: fc.nat(200 * hour) });
  fc.assert(
    fc.property(
      fc.array(taken, { maxLength: 30 }),
      fc.nat(100 * hour),
      fc.integer({ min: 0, max: 100 * hour }),
      (list, after, gap) => {
        // Starts follow each other, and within one the time goes on.
        const monotonic = new Map<number, number>();
        const readings = [...list]
          .sort((a, b) => a.start - b.start)
          .map(({ start, ms, wall }) => {
            const now = (monotonic.get(start) ?? 0) + ms;
            monotonic.set(start, now);
            return at(`s${start}`, now, wall);
          });
        const startedAt = after + gap;
        const dates = datesOf(readings, { boot: "s3", startedAt, after });
        assert.equal(dates.length, readings.length);
        const lasting = readings
          .filter(({ boot }) => boot !== "s3")
          .reduce((sum, { boot, monotonic: ms }, i, all) => {
            const before = all[i - 1];
            return before?.boot === boot ? sum + ms - before.monotonic : sum;
          }, 0);
        for (const [i, { time, clock }] of dates.entries()) {
          assert.equal(clock, readings[i]?.boot === "s3" ? sure : doubtful);
          if (lasting <= gap) assert.ok(time >= after - 1, "not before what was known");
          if (lasting <= gap) assert.ok(time >= (dates[i - 1]?.time ?? 0), "the order is kept");
        }
      },
    ),
  );
});
