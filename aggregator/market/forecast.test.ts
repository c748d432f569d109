import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seasonalNaive } from "./forecast.ts";

const hourMs = 3_600_000;
const target = { start: 50 * hourMs, lengthMs: hourMs, now: 49 * hourMs };
const slot = fc.record({ start: fc.nat(100).map((i) => i * hourMs), netWh: fc.integer() });
const slots = fc.uniqueArray(slot, { selector: ({ start }) => start });

test("the same hour of yesterday is the forecast where it is known", () => {
  const history = [
    { start: 26 * hourMs, netWh: 7 },
    { start: 48 * hourMs, netWh: 9 },
  ];
  assert.deepEqual(seasonalNaive(history, target), { netWh: 7, basis: "same-slot-yesterday" });
  assert.deepEqual(seasonalNaive(history.slice(1), target), { netWh: 9, basis: "last-slot" });
  assert.equal(seasonalNaive([], target), undefined);
});

test("no future leaks in: what had not ended may be anything", () => {
  fc.assert(
    fc.property(slots, slots, (past, future) => {
      const ended = past.filter(({ start }) => start + hourMs <= target.now);
      const later = future.filter(({ start }) => start + hourMs > target.now);
      assert.deepEqual(seasonalNaive([...ended, ...later], target), seasonalNaive(ended, target));
    }),
  );
});

test("the order of the history does not matter", () => {
  fc.assert(
    fc.property(slots, (history) => {
      assert.deepEqual(
        seasonalNaive(history, target),
        seasonalNaive([...history].reverse(), target),
      );
    }),
  );
});
