import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeWords, notAvailable, wordCount } from "./words.ts";

// Source: a recorded SDM630 reply in volkszaehler/mbmd issue 89: 5188.847 kWh.
test("a float32 stands on the wire as a real meter sends it", () => {
  assert.deepEqual(encodeWords("f32", 5188.847), [0x45a2, 0x26c7]);
  assert.deepEqual(encodeWords("f32", 5188.847, "lsw"), [0x26c7, 0x45a2]);
});

test("integers keep their sign and are held to their type's range", () => {
  assert.deepEqual(encodeWords("s16", -2), [0xfffe]);
  assert.deepEqual(encodeWords("s32", -2), [0xffff, 0xfffe]);
  assert.deepEqual(encodeWords("u32", 70_000), [1, 4464]);
  assert.deepEqual(encodeWords("u64", 2 ** 40), [0, 256, 0, 0]);
  assert.deepEqual(encodeWords("u16", 70_000), [0xffff]);
  assert.deepEqual(encodeWords("u16", -1), [0]);
  assert.deepEqual(encodeWords("s16", -40_000), [0x8000]);
});

test("text fills its registers with NUL and is cut at their end", () => {
  assert.deepEqual(encodeWords("ascii:2", "AB"), [0x4142, 0]);
  assert.deepEqual(encodeWords("ascii:1", "ABC"), [0x4142]);
  // The word order is for numbers: text reads from left to right on every meter.
  assert.deepEqual(encodeWords("ascii:2", "ABCD", "lsw"), [0x4142, 0x4344]);
});

test("every type fills exactly its registers, also where it is not available", () => {
  const types = ["u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64"] as const;
  fc.assert(
    fc.property(
      fc.constantFrom(...types),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      (type, value) => {
        for (const words of [encodeWords(type, value), notAvailable(type)]) {
          assert.equal(words.length, wordCount(type));
          assert(words.every((word) => Number.isInteger(word) && word >= 0 && word <= 0xffff));
        }
      },
    ),
  );
});
