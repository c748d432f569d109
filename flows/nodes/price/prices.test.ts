import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { choose, parsePrices } from "./prices.ts";

const published = {
  slot: 1_760_000_400_000,
  start: 1_760_000_400_000,
  end: 1_760_004_000_000,
  horizon: "hour-ahead",
  prices: { gu: { micro: 687_799 }, cu: { micro: 555_435 }, gc: null, cg: null },
  clearing: 601_000,
  feedIn: 400_000,
  retail: 700_000,
  gate: 1_760_000_300_000,
  revealUntil: 1_760_000_350_000,
};
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

test("prices become currency per kWh, and what is not traded stays null", () => {
  const prices = parsePrices(bytes(published));
  assert.ok(prices !== undefined);
  assert.deepEqual(prices.reference, { gu: 0.687799, cu: 0.555435, gc: null, cg: null });
  assert.equal(choose(prices, "gu"), 0.687799);
  assert.equal(choose(prices, "gc"), null);
  assert.equal(choose(prices, "clearing"), 0.601);
  assert.equal(choose(prices, "all"), prices);
  assert.equal(prices.retail, 0.7);
});

test("an uncleared slot has no clearing price", () => {
  assert.equal(parsePrices(bytes({ ...published, clearing: null }))?.clearing, null);
});

test("no JSON value makes the reader throw, and a price is a number or null", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (body, clearing) => {
      parsePrices(bytes(body));
      const price = parsePrices(bytes({ ...published, clearing }))?.clearing;
      assert.ok(price === null || Number.isFinite(price));
    }),
  );
  assert.equal(parsePrices(Buffer.from("no json")), undefined);
});
