import assert from "node:assert/strict";
import { test } from "node:test";
import { forecast, listOfDays } from "@busbar/protocol/forecast";
import fc from "fast-check";
import { dayTree } from "./day-tree.ts";

const hour = 3_600_000;

test("the k-d tree and a list of days give the same neighbours, ties included", () => {
  const coordinate = fc.oneof(
    fc.integer({ min: -3, max: 3 }),
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  );
  const point = fc.array(coordinate, { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(point, { maxLength: 60 }), point, fc.nat(12), (points, query, most) => {
      const [tree, list] = [dayTree(8), listOfDays(8)];
      for (const [id, at] of points.entries()) {
        for (const index of [tree, list]) index.insert(7 * id, Float64Array.from(at));
      }
      const asked = Float64Array.from(query);
      assert.deepEqual(tree.nearestMany(asked, most), list.nearestMany(asked, most));
    }),
  );
});

test("a unit without the tree and a member with it forecast the same, to the last Wh", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -5_000, max: 5_000 }), { minLength: 240, maxLength: 500 }),
      (values) => {
        const series = { slotMs: hour, start: 0, netWh: Float64Array.from(values) };
        const now = values.length * hour;
        const ask = { now, from: now + 3 * hour, count: 30 };
        assert.deepEqual(forecast(series, ask, dayTree), forecast(series, ask, listOfDays));
      },
    ),
    { numRuns: 30 },
  );
});
