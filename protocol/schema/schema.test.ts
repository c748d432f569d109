import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeCbor } from "../cbor/decode.ts";
import { encodeCbor } from "../cbor/encode.ts";
import {
  array,
  bool,
  bytes,
  encodeAs,
  int,
  mapOf,
  oneOf,
  pair,
  pairAnd,
  SchemaError,
  text,
} from "./codec.ts";
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
        assert.deepEqual(point.decode(decodeCbor(encodeAs(point, value)), ""), value);
      },
    ),
  );
});

/** Every type there is, its keys out of order and of several lengths. */
const everything = record("everything", {
  whole: field(300, int(-(2 ** 53) + 1, 2 ** 53 - 1)),
  yes: field(24, bool),
  raw: optional(2, bytes(0, 40)),
  name: field(1, text(80)),
  word: field(23, oneOf("a", "bc")),
  list: field(7, array(point, 0, 3)),
  two: optional(8, pair(int(0, 9), text(3))),
  three: field(9, array(pairAnd(int(-9, 9), int(-9, 9), int(2, 9)), 0, 2)),
  map: field(10, mapOf({ cddl: "tstr", decode: String, encode: (key) => key }, int(0, 9), 4)),
});

const small = fc.integer({ min: -5, max: 5 });
const anything = fc.record(
  {
    whole: fc.oneof(fc.maxSafeInteger(), fc.constant(-0)),
    yes: fc.boolean(),
    raw: fc.uint8Array({ maxLength: 40 }),
    name: fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
    word: fc.constantFrom("a" as const, "bc" as const),
    list: fc.array(fc.record({ x: small, y: small, more: fc.constant("is on no wire") }), {
      maxLength: 3,
    }),
    two: fc.constant([3, "abc"] as const),
    three: fc.array(fc.constantFrom([5, -1] as const, [5, 0, 2] as const), { maxLength: 2 }),
    map: fc
      .dictionary(fc.string({ minLength: 1 }), fc.nat(9), { maxKeys: 4 })
      .map((entries) => new Map(Object.entries(entries))),
  },
  { requiredKeys: ["whole", "yes", "name", "word", "list", "three", "map"], noNullPrototype: true },
);

test("what a type writes is deterministic CBOR, and a copy is what comes back of it", () => {
  fc.assert(
    fc.property(anything, (value) => {
      const bytes = encodeAs(everything, value);
      assert.deepEqual(encodeCbor(decodeCbor(bytes)), bytes, "in the one order and form");
      assert.deepEqual(everything.copy(value), everything.decode(decodeCbor(bytes), ""));
    }),
  );
});

const decimal = pairAnd(int(-9, 9), int(-9, 9), int(2, 9));

test("a pair with an optional third part comes back as it went", () => {
  for (const value of [
    [5, -1],
    [5, 0, 2],
  ] as const) {
    assert.deepEqual(decimal.decode(decodeCbor(encodeAs(decimal, value)), ""), value);
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
  ["a value that does not fit is not encoded", () => encodeAs(int(0, 3), 7), /got 7/],
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
  assert.throws(() => encodeAs(codec, three), /at most 2 entries/);
});

test("two fields cannot share a key", () => {
  assert.throws(
    () => record("bad", { a: field(1, int(0, 1)), b: field(1, int(0, 1)) }),
    /share a key/,
  );
});
