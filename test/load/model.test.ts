import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { measured } from "./constants.ts";
import { type CostConstants, costOf, metersMax } from "./model.ts";
import { modelText } from "./model-text.ts";

const constants: CostConstants = {
  batchUs: 500,
  ledgerUs: 250,
  blockMs: 10,
  finalMs: 12,
  settleUs: 100,
  diskBytes: 100,
  frameBytes: { head: 160, reading: 40 },
};
const site = { meters: 120_000, members: 4, everyS: 60, readings: 1, slotMinutes: 15 };

test("each cost is the product that its docstring says", () => {
  const cost = costOf(site, constants);
  assert.equal(cost.batchesPerS, 2000);
  assert.equal(cost.ledgerShare, 0.5);
  // Half of the thread is taken: twice as long as alone, 41.7 blocks a second.
  assert.equal(cost.finalMs, 24);
  assert.equal(cost.settleS, 12);
  const cores = 2000 * 500e-6 + (1000 / 24) * 10e-3 + 12 / 900;
  assert.ok(Math.abs(cost.cores - cores) < 1e-9);
  assert.ok(Math.abs(cost.gbPerYear - (2000 * 100 * 31_557_600) / 1e9) < 1e-6);
  // Told and proposed, to three others, 200 bytes each.
  assert.ok(Math.abs(cost.mbitPerS - 19.2) < 1e-9);
  assert.equal(metersMax(site, constants), 240_000);
});

test("more meters never cost less, and beyond the bound nothing is final", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 900_000 }),
      fc.integer({ min: 1, max: 99_999 }),
      (a, b) => {
        const [less, more] = [a, a + b].map((meters) => costOf({ ...site, meters }, constants));
        assert.ok(less && more);
        for (const key of ["ledgerShare", "finalMs", "settleS", "gbPerYear", "mbitPerS"] as const) {
          assert.ok(more[key] >= less[key], key);
        }
      },
    ),
  );
  const most = metersMax(site, constants);
  assert.equal(costOf({ ...site, meters: most }, constants).finalMs, Number.POSITIVE_INFINITY);
  assert.ok(Number.isFinite(costOf({ ...site, meters: most - 1 }, constants).finalMs));
});

test("the table has a row for each power of ten, and names the bound", () => {
  const text = modelText({ members: 4, everyS: 60, readings: 4, slotMinutes: 15 }, measured);
  const rows = text.split("\n").filter((line) => /^\| 10*(,000)* \|/.test(line));
  assert.equal(rows.length, 6);
  assert.match(rows.at(-1) ?? "", /never/);
  assert.match(text, /236,220 meters at most/);
  assert.doesNotMatch(text, /e\+|NaN|Infinity/);
});
