import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { allocate } from "./allocate.ts";
import { micro, microPerKwh, utcMs, wh } from "./brands.ts";
import { cost } from "./money.ts";
import { divideBig, mulDiv, type Rounding } from "./mul-div.ts";

const roundings: readonly Rounding[] = ["floor", "ceil", "trunc", "half-even"];
const safe = fc.maxSafeInteger();

/** The definition, in integers of any size. */
function oracle(n: bigint, d: bigint, rounding: Rounding): bigint {
  const floor = n / d - (n % d !== 0n && n < 0n !== d < 0n ? 1n : 0n);
  const rest = n - floor * d; // same sign as d, |rest| < |d|
  if (rest === 0n) return floor;
  switch (rounding) {
    case "floor":
      return floor;
    case "ceil":
      return floor + 1n;
    case "trunc":
      return n / d;
    case "half-even": {
      const twice = (rest < 0n ? -rest : rest) * 2n;
      const size = d < 0n ? -d : d;
      if (twice !== size) return twice > size ? floor + 1n : floor;
      return floor % 2n === 0n ? floor : floor + 1n;
    }
    default:
      return rounding satisfies never;
  }
}

test("mulDiv is exact before its one rounding", () => {
  const small = fc.integer({ min: -50, max: 50 });
  const any = fc.oneof(small, safe);
  fc.assert(
    fc.property(any, any, any, fc.constantFrom(...roundings), (a, b, d, rounding) => {
      if (d === 0) return assert.throws(() => mulDiv(a, b, d, rounding), RangeError);
      const exact = oracle(BigInt(a) * BigInt(b), BigInt(d), rounding);
      if (exact > 2n ** 53n - 1n || exact < -(2n ** 53n) + 1n) {
        return assert.throws(() => mulDiv(a, b, d, rounding), RangeError);
      }
      assert.equal(mulDiv(a, b, d, rounding), Number(exact));
      assert.equal(divideBig(BigInt(a) * BigInt(b), BigInt(d), rounding), Number(exact));
    }),
    { numRuns: 3000 },
  );
});

test("there is no negative zero", () => {
  assert.ok(Object.is(mulDiv(-1, 0, 5, "floor"), 0));
  assert.ok(Object.is(mulDiv(-1, 1, 5, "trunc"), 0));
  assert.ok(Object.is(micro(-0), 0));
});

test("fractions and unsafe integers are refused", () => {
  for (const bad of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    assert.throws(() => mulDiv(bad, 1, 1, "floor"), RangeError);
    assert.throws(() => wh(bad), { code: "unit.range" });
    assert.throws(() => micro(bad), { code: "unit.range" });
  }
  assert.throws(() => wh(-1), /energy in Wh: expected an integer ≥ 0 below 2⁵³, got -1/);
  assert.throws(() => utcMs(-1), { code: "unit.range" });
});

test("a kilowatt-hour at half a unit costs half a unit", () => {
  assert.equal(cost(microPerKwh(500_000), wh(1000)), 500_000);
  assert.equal(cost(microPerKwh(1), wh(500)), 0, "half to even");
  assert.equal(cost(microPerKwh(3), wh(500)), 2, "half to even");
});

const shares = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .chain((ids) =>
    fc.tuple(...ids.map((id) => fc.record({ id: fc.constant(id), weight: fc.nat(1_000_000) }))),
  );

test("the parts of an allocation add up, and none is off by one or more", () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), shares, (total, list) => {
      const sum = list.reduce((have, { weight }) => have + weight, 0);
      if (sum === 0 && total !== 0) return assert.throws(() => allocate(total, list), RangeError);
      const parts = allocate(total, list);
      assert.equal(
        parts.reduce((have, part) => have + part, 0),
        total,
      );
      parts.forEach((part, i) => {
        const fair = sum === 0 ? 0 : (total * (list[i]?.weight ?? 0)) / sum;
        assert.ok(Math.abs(part - fair) < 1 + 1e-3);
      });
    }),
  );
});

test("who stands where in the list does not change anybody's part", () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), shares, (total, list) => {
      if (list.every(({ weight }) => weight === 0)) return;
      const one = new Map(allocate(total, list).map((part, i) => [list[i]?.id, part]));
      const turned = [...list].reverse();
      const two = new Map(allocate(total, turned).map((part, i) => [turned[i]?.id, part]));
      assert.deepEqual(new Map([...one].sort()), new Map([...two].sort()));
    }),
  );
});

test("shares that make no sense are refused", () => {
  const one = { id: "a", weight: 1 };
  assert.throws(() => allocate(1, [one, one]), /appears twice/);
  assert.throws(() => allocate(1, [{ id: "a", weight: -1 }]), /must be an integer ≥ 0/);
  assert.throws(() => allocate(0.5, [one]), /no integer/);
  assert.throws(() => allocate(1, []), /nobody to share/);
});
