import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeValue } from "./decode-value.ts";
import { RowDecoder } from "./row-decoder.ts";

const rows = [
  { type: "f32", unit: "kWh" },
  { type: "s32", unit: "W", scale: 0.1, sentinels: [7] },
  { type: "u32", unit: "kWh", multiplyBy: ["ratio"] },
] as const;
const words = fc.constantFrom([0, 0], [0, 7], [1, 7], [0x45a2, 0x26c7], [0x7fc0, 0]);
const factor = fc.constantFrom(
  undefined,
  { mantissa: 1, exponent: 0 },
  { mantissa: 4, exponent: 1 },
  { mantissa: 4, exponent: -1 },
);

test("a row's value is that of its words and factor now, whatever it showed before", () => {
  for (const wordOrder of ["msw", "lsw"] as const) {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), words, factor)), (shown) => {
        const decoder = new RowDecoder(wordOrder);
        for (const [at, now, ratio] of shown) {
          const row = rows[at] as (typeof rows)[number];
          const value = decoder.value(row, [...now], ratio);
          assert.deepEqual(value, decodeValue(now, { ...row, wordOrder, factor: ratio }));
        }
      }),
    );
  }
});

test("what shows the same is not decoded again, and words of another count are refused", () => {
  const decoder = new RowDecoder("msw");
  const [row] = rows;
  const first = decoder.value(row, [0x45a2, 0x26c7], undefined);
  assert.equal(decoder.value(row, [0x45a2, 0x26c7], undefined), first);
  assert.throws(() => decoder.value(row, [0x45a2], undefined), RangeError);
  assert.equal(decoder.value(row, [0x45a2, 0x26c7], undefined), first);
});
