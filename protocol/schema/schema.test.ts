import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeCbor } from "../cbor/decode.ts";
import { encodeCbor } from "../cbor/encode.ts";
import { array, bytes, int, mapOf, oneOf, pair, pairAnd, SchemaError, text } from "./codec.ts";
import { field, optional, record } from "./record.ts";

const point = record("point", {
  x: field(1, int(-5, 5)),
  y: field(2, int(-5, 5)),
  label: optional(3, text(4, /^[a-z]+$/)),
});

test("a record comes back as it went", () => {
  fc.assert(
    fc.property(
      fc.record(
        {
          x: fc.integer({ min: -5, max: 5 }),
          y: fc.integer({ min: -5, max: 5 }),
          label: fc.constantFrom("a", "abcd"),
        },
        { requiredKeys: ["x", "y"], noNullPrototype: true },
      ),
      (value) => {
        assert.deepEqual(point.decode(decodeCbor(encodeCbor(point.encode(value))), ""), value);
      },
    ),
  );
});

const decimal = pairAnd(int(-9, 9), int(-9, 9), int(2, 9));

test("a pair with an optional third part comes back as it went", () => {
  for (const value of [
    [5, -1],
    [5, 0, 2],
  ] as const) {
    assert.deepEqual(decimal.decode(decodeCbor(encodeCbor(decimal.encode(value))), ""), value);
  }
});

const wrong: readonly (readonly [string, () => unknown, RegExp])[] = [
  [
    "a missing field",
    () => point.decode(new Map([[1, 0]]), "p"),
    /p\.y: expected an integer.*got nothing/,
  ],
  [
    "an unknown key",
    () =>
      point.decode(
        new Map([
          [1, 0],
          [2, 0],
          [9, 0],
        ]),
        "",
      ),
    /only the keys of point, got 9/,
  ],
  [
    "a number out of range",
    () => int(0, 3).decode(4, "n"),
    /n: expected an integer from 0 to 3, got 4/,
  ],
  ["text for a number", () => int(0, 3).decode("1", "n"), /got "1"/],
  ["text of another form", () => text(4, /^[a-z]+$/).decode("A", "t"), /text of 1 to 4/],
  ["empty text", () => text(4).decode("", "t"), /1 to 4 characters/],
  [
    "bytes of another length",
    () => bytes(2).decode(new Uint8Array(3), "b"),
    /expected 2 bytes, got 3 bytes/,
  ],
  ["a word off the list", () => oneOf("a", "b").decode("c", "w"), /one of a, b/],
  ["too many items", () => array(int(0, 9), 1, 2).decode([1, 2, 3], "l"), /1 to 2 items/],
  ["a wrong item", () => array(int(0, 9), 1, 2).decode([1, 77], "l"), /l\[1\]: .* got 77/],
  ["a pair of three", () => pair(int(0, 1), int(0, 1)).decode([1, 1, 1], "p"), /array of two/],
  ["a third one that says nothing", () => decimal.decode([1, 0, 1], "d"), /d\[2\]: .* from 2 to 9/],
  ["a decimal of four", () => decimal.decode([1, 0, 2, 2], "d"), /array of two or three/],
  ["a decimal of one", () => decimal.decode([1], "d"), /array of two or three/],
  ["a record that is none", () => point.decode([], ""), /a point map, got an array of 0/],
  ["a value that does not fit is not encoded", () => int(0, 3).encode(7), /got 7/],
];

for (const [name, act, message] of wrong) {
  test(`refused with its place: ${name}`, () => {
    assert.throws(act, (error) => error instanceof SchemaError && message.test(error.message));
  });
}

test("a map has a limit and named entries", () => {
  const key = { cddl: "tstr", decode: String, encode: (name: string) => name };
  const codec = mapOf(key, int(0, 9), 2);
  assert.throws(() => codec.decode(new Map([["a", 10]]), "m"), /m\.a: expected/);
  const three = new Map([
    ["a", 1],
    ["b", 1],
    ["c", 1],
  ]);
  assert.throws(() => codec.decode(three, "m"), /at most 2 entries/);
  assert.throws(() => codec.encode(three), /at most 2 entries/);
});

test("two fields cannot share a key", () => {
  assert.throws(
    () => record("bad", { a: field(1, int(0, 1)), b: field(1, int(0, 1)) }),
    /share a key/,
  );
});
