import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeCbor } from "./encode.ts";
import { endOfItem } from "./skip.ts";
import { CborError, type CborValue } from "./value.ts";

const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.integer({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
    fc.string({ maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(true, false, null),
    fc.array(tie("value"), { maxLength: 30 }),
    fc
      .uniqueArray(fc.tuple(fc.integer(), tie("value")), {
        selector: ([key]) => key,
        maxLength: 30,
      })
      .map((entries) => new Map(entries)),
    fc.record({ tag: fc.nat(), value: tie("value") }),
  ),
}));

test("an item ends where the next one begins", () => {
  fc.assert(
    fc.property(value, value, (first, second) => {
      const [a, b] = [encodeCbor(first), encodeCbor(second)];
      const bytes = new Uint8Array([...a, ...b]);
      assert.equal(endOfItem(bytes, 0), a.length);
      assert.equal(endOfItem(bytes, a.length), bytes.length);
    }),
  );
});

test("bytes that end early are refused, and garbage leads nowhere beyond its end", () => {
  const whole = encodeCbor([new Map([[1, "text"]]), new Uint8Array(30), 1_000_000, 5]);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => endOfItem(whole.subarray(0, length), 0), CborError);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        assert.ok(endOfItem(bytes, 0) <= bytes.length);
      } catch (error) {
        assert.ok(error instanceof CborError, String(error));
      }
    }),
  );
});
