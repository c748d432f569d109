import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 as pure } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { sha256 } from "./sha256.ts";

test("Node's SHA-256 and the browser's are one, and give plain bytes", () => {
  assert.notEqual(sha256, pure);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, from) => {
      const part = bytes.subarray(from);
      const digest = sha256(part);
      assert.deepEqual(digest, pure(part));
      assert.equal(Object.getPrototypeOf(digest), Uint8Array.prototype);
    }),
  );
});
