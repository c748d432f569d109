import assert from "node:assert/strict";
import { test } from "node:test";
import { encode as cborgEncode } from "cborg";
import fc from "fast-check";
import { decodeCbor } from "./decode.ts";
import { encodeCbor } from "./encode.ts";
import { CborError, type CborKey, type CborValue } from "./value.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

const key: fc.Arbitrary<CborKey> = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.string({ unit: "binary", maxLength: 6 }),
);
const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.maxSafeInteger(),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 300 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.array(fc.tuple(key, tie("value")), { maxLength: 5 }).map((entries) => new Map(entries)),
  ),
}));

test("every value comes back from its encoding, and the encoding from the value", () => {
  fc.assert(
    fc.property(value, (original) => {
      const bytes = encodeCbor(original);
      const back = decodeCbor(bytes);
      assert.deepEqual(encodeCbor(back), bytes);
    }),
  );
});

test("the encoding is the one that cborg writes (RFC 8949 §4.2.1 order for integer keys)", () => {
  const plain = fc.oneof(
    fc.maxSafeInteger(),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 70_000 }),
    fc.array(fc.maxSafeInteger(), { maxLength: 300 }),
    fc.array(fc.tuple(fc.nat(), fc.boolean())).map((entries) => new Map(entries)),
  );
  fc.assert(
    fc.property(plain, (original) => {
      assert.deepEqual(encodeCbor(original), Uint8Array.from(cborgEncode(original)));
    }),
  );
});

test("no other byte string decodes to a value: what is accepted encodes back to itself", () => {
  const mutated = fc
    .tuple(value, fc.nat(), fc.nat(255), fc.nat(3))
    .map(([original, at, byte, how]) => {
      const bytes = [...encodeCbor(original)];
      const index = at % bytes.length;
      if (how === 0) bytes[index] = byte;
      else if (how === 1) bytes.splice(index, 1);
      else if (how === 2) bytes.splice(index, 0, byte);
      else bytes.length = index;
      return Uint8Array.from(bytes);
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      let decoded: CborValue;
      try {
        decoded = decodeCbor(bytes);
      } catch (error) {
        assert.ok(error instanceof CborError, String(error));
        return;
      }
      assert.deepEqual(encodeCbor(decoded), bytes);
    }),
    { numRuns: 2000 },
  );
});

const malformed: readonly (readonly [string, string, string])[] = [
  ["nothing", "", "cbor.short"],
  ["0 with a one-byte argument", "18 00", "cbor.head"],
  ["23 with a one-byte argument", "18 17", "cbor.head"],
  ["255 with two bytes", "19 00ff", "cbor.head"],
  ["65535 with four bytes", "1a 0000ffff", "cbor.head"],
  ["2³²−1 with eight bytes", "1b 00000000ffffffff", "cbor.head"],
  ["2⁵³", "1b 0020000000000000", "cbor.integer"],
  ["2⁶⁴−1", "1b ffffffffffffffff", "cbor.integer"],
  ["−2⁵³", "3b 001fffffffffffff", "cbor.integer"],
  ["negative with a long head", "38 00", "cbor.head"],
  ["bytes with a long length", "58 01 00", "cbor.head"],
  ["text with a long length", "78 01 61", "cbor.head"],
  ["array with a long length", "98 01 00", "cbor.head"],
  ["map with a long length", "b8 01 00 00", "cbor.head"],
  ["tag with a long number", "d8 12 00", "cbor.head"],
  ["reserved additional information 28", "1c", "cbor.head"],
  ["reserved additional information 30", "5e", "cbor.head"],
  ["indefinite bytes", "5f 41 00 ff", "cbor.head"],
  ["indefinite text", "7f 61 61 ff", "cbor.head"],
  ["indefinite array", "9f 00 ff", "cbor.head"],
  ["indefinite map", "bf 00 00 ff", "cbor.head"],
  ["break alone", "ff", "cbor.type"],
  ["half float", "f9 3c00", "cbor.type"],
  ["single float", "fa 3f800000", "cbor.type"],
  ["double float", "fb 3ff0000000000000", "cbor.type"],
  ["undefined", "f7", "cbor.type"],
  ["simple value 0", "e0", "cbor.type"],
  ["simple value 32", "f8 20", "cbor.type"],
  ["false in two bytes", "f8 14", "cbor.type"],
  ["keys out of order", "a2 02 00 01 00", "cbor.key-order"],
  ["the same key twice", "a2 01 00 01 00", "cbor.key-order"],
  ["a longer text key first", "a2 62 6161 00 61 62 00", "cbor.key-order"],
  ["an array as key", "a1 80 00", "cbor.key"],
  ["a boolean as key", "a1 f5 00", "cbor.key"],
  ["overlong UTF-8", "62 c080", "cbor.text"],
  ["a UTF-8 surrogate", "63 eda080", "cbor.text"],
  ["a cut UTF-8 sequence", "61 c3", "cbor.text"],
  ["text longer than the input", "65 6161", "cbor.short"],
  ["an array of 2³² items", "9a ffffffff", "cbor.short"],
  ["a map of 2³² entries", "ba ffffffff", "cbor.short"],
  ["bytes after the item", "00 00", "cbor.trailing"],
  ["17 arrays inside each other", `${"81".repeat(17)} 00`, "cbor.depth"],
  ["100 000 arrays inside each other", "81".repeat(100_000), "cbor.depth"],
];

for (const [name, bytes, code] of malformed) {
  test(`refused: ${name}`, () => {
    assert.throws(() => decodeCbor(hex(bytes)), { code });
  });
}

test("what the wire does not carry cannot be encoded", () => {
  assert.throws(() => encodeCbor(0.5), { code: "cbor.integer" });
  assert.throws(() => encodeCbor(2 ** 53), { code: "cbor.integer" });
  assert.throws(() => encodeCbor("\ud800"), { code: "cbor.text" });
  assert.throws(() => encodeCbor(undefined as unknown as CborValue), { code: "cbor.type" });
  const twice = new Map<CborKey, CborValue>([
    [Uint8Array.of(1), 0],
    [Uint8Array.of(1), 1],
  ]);
  assert.throws(() => encodeCbor(twice), { code: "cbor.key-twice" });
});
