import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsePrices } from "./prices.ts";

const good = {
  slot: 1_750_000_000_000,
  prices: { cg: { micro: 310_000 }, cu: null, gc: { micro: 0 }, gu: { micro: 1_000_000_000 } },
  feedIn: 80_000,
  retail: 400_000,
  gate: 1_749_999_000_000,
  revealUntil: 1_749_999_600_000,
  currency: "EUR",
};
const parsed = (value: unknown) => parsePrices(Buffer.from(JSON.stringify(value)));

test("a price message gives numbers, null where nothing is traded, and drops what is for people", () => {
  const { slot, feedIn, retail, gate, revealUntil } = good;
  const prices = { cg: 310_000, cu: null, gc: 0, gu: 1_000_000_000 };
  assert.deepEqual(parsed(good), { slot, gate, revealUntil, feedIn, retail, prices });
});

test("a message in which one thing is missing or no price is none", () => {
  const odd = [undefined, null, "1", -1, 1.5, 1e9 + 1, 2 ** 60, true, [], {}, { micro: null }];
  for (const value of odd) {
    for (const key of ["feedIn", "retail", "prices"]) {
      assert.equal(parsed({ ...good, [key]: value }), undefined, `${key} ${String(value)}`);
    }
    if (value === null) continue;
    const prices = { ...good.prices, cu: value };
    assert.equal(parsed({ ...good, prices }), undefined, `cu ${String(value)}`);
  }
  for (const value of [undefined, null, "1", -1, 1.5, 2 ** 60]) {
    for (const key of ["slot", "gate", "revealUntil"]) {
      assert.equal(parsed({ ...good, [key]: value }), undefined, `${key} ${String(value)}`);
    }
  }
});

test("garbage is no price message", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => parsePrices(bytes) === undefined));
  fc.assert(fc.property(fc.jsonValue(), (value) => parsed(value) === undefined));
});
