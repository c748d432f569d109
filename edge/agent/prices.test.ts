import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseGates, parsePositions } from "./prices.ts";

const good = {
  slot: 1_750_000_000_000,
  prices: { cg: { micro: 310_000 }, cu: null, gc: { micro: 0 }, gu: { micro: 1_000_000_000 } },
  feedIn: 80_000,
  retail: 400_000,
  gate: 1_749_999_000_000,
  revealUntil: 1_749_999_600_000,
  gatesLeft: 2,
  currency: "EUR",
};
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const parsed = (value: unknown) =>
  parseGates(bytes({ gates: [value], timeZone: "UTC0" }))?.gates[0];

test("a gate gives numbers, null where nothing is traded, and drops what is for people", () => {
  const { slot, feedIn, retail, gate, revealUntil, gatesLeft } = good;
  const prices = { cg: 310_000, cu: null, gc: 0, gu: 1_000_000_000 };
  assert.deepEqual(parsed(good), {
    slot,
    gate,
    revealUntil,
    gatesLeft,
    feedIn,
    retail,
    prices,
  });
});

test("a gate in which one thing is missing or no price is left out", () => {
  const odd = [
    undefined,
    null,
    "1",
    -1e9 - 1,
    1.5,
    1e9 + 1,
    2 ** 60,
    true,
    [],
    {},
    { micro: null },
  ];
  for (const value of odd) {
    for (const key of ["feedIn", "retail", "prices"]) {
      assert.equal(parsed({ ...good, [key]: value }), undefined, `${key} ${String(value)}`);
    }
    if (value === null) continue;
    // 0 and below are prices like others.
    assert.equal(parsed({ ...good, feedIn: -80_000 })?.feedIn, -80_000);
    const prices = { ...good.prices, cu: value };
    assert.equal(parsed({ ...good, prices }), undefined, `cu ${String(value)}`);
  }
  for (const value of [undefined, null, "1", -1, 1.5, 2 ** 60]) {
    for (const key of ["slot", "gate", "revealUntil", "gatesLeft"]) {
      assert.equal(parsed({ ...good, [key]: value }), undefined, `${key} ${String(value)}`);
    }
  }
});

test("positions are whole or none: half of them would sell the rest twice", () => {
  const of = (slots: unknown) => parsePositions(bytes({ height: 7, slots }));
  const [one, two] = [
    { slot: 3_600_000, soldWh: -500 },
    { slot: 7_200_000, soldWh: 20 },
  ];
  assert.deepEqual(of([]), { slots: new Map(), wayFee: 0 });
  assert.deepEqual(
    of([one, { ...two, plannedWh: -7 }])?.slots,
    new Map([
      [3_600_000, { soldWh: -500, plannedWh: 0 }],
      [7_200_000, { soldWh: 20, plannedWh: -7 }],
    ]),
  );
  const way = (wayFee: unknown) => parsePositions(bytes({ slots: [], wayFee }))?.wayFee;
  assert.equal(way(20_000), 20_000);
  for (const odd of [null, -1, 0.5, "1", 2e9]) assert.equal(way(odd), undefined);
  assert.equal(of([{ ...one, plannedWh: 0.5 }]), undefined);
  for (const odd of [null, {}, { slot: 1 }, { ...one, soldWh: 1.5 }, { ...one, soldWh: 1e12 }, 7]) {
    assert.equal(of([one, odd]), undefined, JSON.stringify(odd));
  }
  assert.equal(of(undefined), undefined);
  assert.equal(of(Array.from({ length: 1_001 }, () => one)), undefined);
});

test("garbage is no message", () => {
  for (const parse of [parseGates, parsePositions]) {
    fc.assert(fc.property(fc.uint8Array(), (noise) => parse(noise) === undefined));
    fc.assert(fc.property(fc.jsonValue(), (value) => parse(bytes(value)) === undefined));
  }
  fc.assert(fc.property(fc.jsonValue(), (value) => parsed(value) === undefined));
  const many = Array.from({ length: 1_001 }, () => good);
  assert.equal(parseGates(bytes({ gates: many, timeZone: "UTC0" })), undefined);
});
