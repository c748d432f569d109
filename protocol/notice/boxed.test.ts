import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { boxKeyOf, boxNotice, openNotice } from "./boxed.ts";

const random = (count: number) => new Uint8Array(randomBytes(count));
const secret = random(32);

test("only the owner opens a notice", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (plain) => {
      const box = boxNotice(plain, boxKeyOf(secret), random);
      const opened = openNotice(box, secret);
      assert.ok(opened.ok);
      assert.deepEqual(opened.plain, plain);
      const other = openNotice(box, random(32));
      assert.ok(!other.ok && other.code === "notice.not-for-us");
    }),
    { numRuns: 20 },
  );
});

test("a changed notice does not open, garbage neither", () => {
  const box = boxNotice(Uint8Array.of(1, 2, 3), boxKeyOf(secret), random);
  for (let at = 0; at < box.length; at += 7) {
    const changed = Uint8Array.from(box);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(openNotice(changed, secret).ok, false, `byte ${at}`);
  }
  fc.assert(fc.property(fc.uint8Array(), (bytes) => !openNotice(bytes, secret).ok));
});
