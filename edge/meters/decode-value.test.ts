import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { add, formatDecimal, multiply, parseDecimal, resolutionOf } from "./decimal.ts";
import { baseUnit, decodeValue } from "./decode-value.ts";
import type { RegisterType } from "./register-type.ts";

const read = (
  type: RegisterType,
  words: number[],
  more: { unit?: string; scale?: number; scalePower?: number; sentinels?: number[] } = {},
) => decodeValue(words, { type, wordOrder: "msw", unit: "V", ...more });

const f32Words = (value: number): number[] => {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return [view.getUint16(0), view.getUint16(2)];
};

// The reply of github.com/volkszaehler/mbmd issue 89.
// 0x45A226C7 is 5188.84716796875; the neighbouring floats are 0.00049 away.
test("the recorded SDM630 register is 5188.847 kWh, kept as whole Wh", () => {
  assert.deepEqual(read("f32", [0x45a2, 0x26c7], { unit: "kWh" }), {
    mantissa: 5188847,
    exponent: 0,
  });
  assert.equal(baseUnit("kWh"), "Wh");
});

test("not-a-number, infinity and sentinels are unknown, never 0", () => {
  assert.equal(read("f32", [0x7fc0, 0]), undefined);
  assert.equal(read("f32", [0xff80, 0]), undefined);
  assert.equal(read("s16", [0x8000], { sentinels: [0x8000] }), undefined);
  assert.equal(read("u32", [0xffff, 0xffff], { sentinels: [0xffffffff] }), undefined);
  assert.equal(read("u64", [0xffff, 0xffff, 0xffff, 0xffff]), undefined);
  assert.deepEqual(read("f32", [0x8000, 0]), { mantissa: 0, exponent: 0 });
});

test("signs, word order, scales and scale factors are exact", () => {
  assert.deepEqual(read("s16", [0xfffe]), { mantissa: -2, exponent: 0 });
  assert.deepEqual(read("u16", [2301], { scale: 0.1 }), { mantissa: 2301, exponent: -1 });
  assert.deepEqual(read("s32", [0, 1500], { scale: -0.01, unit: "kWh" }), {
    mantissa: -15000,
    exponent: 0,
    step: 10,
  });
  assert.deepEqual(read("u32", [1, 0], { scalePower: -2 }), { mantissa: 65536, exponent: -2 });
  assert.deepEqual(read("u16", [7], { scalePower: 2 }), { mantissa: 700, exponent: 0, step: 100 });
  assert.deepEqual(read("s16", [98], { unit: "%" }), { mantissa: 98, exponent: -2 });
  assert.deepEqual(
    decodeValue([0x26c7, 0x45a2], { type: "f32", wordOrder: "lsw", unit: "kWh" }),
    read("f32", [0x45a2, 0x26c7], { unit: "kWh" }),
  );
});

test("a register says how coarse it is, where its last digit does not", () => {
  const kWh = (value: number) => read("f32", f32Words(value), { unit: "kWh" });
  // Above 65 536 kWh neighbouring floats are 1/128 kWh apart.
  assert.deepEqual(kWh(70_000), { mantissa: 70_000_000, exponent: 0, step: 8 });
  assert.deepEqual(kWh(70_000.0078125), { mantissa: 70_000_010, exponent: 0, step: 8 });
  assert.deepEqual(kWh(8_191), { mantissa: 8_191_000, exponent: 0 });
  assert.deepEqual(kWh(16_385), { mantissa: 16_385_000, exponent: 0, step: 2 });
  assert.deepEqual(read("u32", [0, 5188], { unit: "kWh" }), {
    mantissa: 5_188_000,
    exponent: 0,
    step: 1000,
  });
  assert.deepEqual(read("u16", [9], { scale: 0.5 }), { mantissa: 45, exponent: -1, step: 5 });
  const factor = { mantissa: 40, exponent: 0 };
  const shape = { type: "u16", wordOrder: "msw", unit: "W", multiplyBy: ["ct"], factor } as const;
  assert.deepEqual(decodeValue([3], shape), { mantissa: 120, exponent: 0, step: 40 });
});

test("a float is off by less than half its step, which is no wider than it must be, and never runs backward", () => {
  const bits = fc.integer({ min: 0x3f800000, max: 0x4d000000 });
  fc.assert(
    fc.property(bits, (raw) => {
      const at = (n: number) => read("f32", [(n >>> 16) & 0xffff, n & 0xffff], { unit: "kWh" });
      const [low, high] = [at(raw), at(raw + 1)];
      if (low === undefined || high === undefined) return fc.pre(false);
      const view = new DataView(new ArrayBuffer(4));
      const floatOf = (n: number) => {
        view.setUint32(0, n);
        return view.getFloat32(0) * 1000;
      };
      const ulp = floatOf(raw + 1) - floatOf(raw);
      const resolution = resolutionOf(low);
      const shown = low.mantissa * 10 ** low.exponent;
      assert.ok(Math.abs(shown - floatOf(raw)) <= ulp / 2 + 1e-6);
      if (low.step !== undefined) {
        assert.ok(resolution >= ulp * (1 - 1e-6), "as coarse as the register");
        assert.ok(resolution < ulp + 10 ** low.exponent, "and not coarser");
      }
      assert.ok(high.mantissa * 10 ** high.exponent > shown - 1e-9);
    }),
    { numRuns: 2000 },
  );
});

test("a value that would pass 2⁵³ is unknown rather than rounded", () => {
  assert.equal(read("u32", [0xffff, 0xfffe], { scalePower: 10 }), undefined);
  assert.equal(read("u16", [1], { scalePower: 300 }), undefined);
  assert.equal(read("f32", f32Words(3e38)), undefined);
});

test("a float32 reads back from its decimal text, and no shorter text does", () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, min: -(2 ** 40), max: 2 ** 40 }), (value) => {
      const decimal = read("f32", f32Words(value));
      if (decimal === undefined) return fc.pre(false);
      const text = formatDecimal(decimal);
      assert.equal(Math.fround(Number(text)), value === 0 ? 0 : value);
      const digits = String(Math.abs(decimal.mantissa)).replace(/0+$/, "").length;
      if (digits > 1) {
        const shorter = Number(value.toPrecision(digits - 1));
        assert.notEqual(Math.fround(shorter), value);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a decimal's text reads back as the same decimal", () => {
  const decimal = fc.record({
    mantissa: fc.maxSafeInteger(),
    exponent: fc.integer({ min: -20, max: 0 }),
  });
  fc.assert(
    fc.property(decimal, (value) => {
      assert.deepEqual(parseDecimal(formatDecimal(value)), { ...value });
    }),
  );
});

test("a sum is exact at the finer resolution, against whole-number arithmetic", () => {
  const decimal = fc.record({
    mantissa: fc.integer({ min: -1e12, max: 1e12 }),
    exponent: fc.integer({ min: -3, max: 0 }),
  });
  fc.assert(
    fc.property(decimal, decimal, (a, b) => {
      const got = add(a, b);
      assert.ok(got !== undefined);
      assert.equal(got.exponent, Math.min(a.exponent, b.exponent));
      const thousandths = (d: { mantissa: number; exponent: number }) =>
        BigInt(d.mantissa) * 10n ** BigInt(d.exponent + 3);
      assert.equal(thousandths(got), thousandths(a) + thousandths(b));
    }),
  );
  assert.deepEqual(
    add({ mantissa: 70_000_008, exponent: 0, step: 8 }, { mantissa: 15, exponent: -1 }),
    { mantissa: 700_000_095, exponent: -1, step: 80 },
  );
  assert.equal(
    add({ mantissa: 2 ** 53 - 1, exponent: 0 }, { mantissa: 1, exponent: 0 }),
    undefined,
  );
});

test("products are exact or refused, against whole-number arithmetic", () => {
  const small = fc.record({
    mantissa: fc.integer({ min: -1e9, max: 1e9 }),
    exponent: fc.integer({ min: -12, max: 4 }),
  });
  fc.assert(
    fc.property(small, small, (a, b) => {
      const got = multiply(a, b);
      if (got === undefined) return;
      assert.ok(got.exponent <= 0);
      const scale = (d: { mantissa: number; exponent: number }) =>
        BigInt(d.mantissa) * 10n ** BigInt(d.exponent + 30);
      assert.equal(scale(got) * 10n ** 30n, scale(a) * scale(b));
    }),
  );
});
