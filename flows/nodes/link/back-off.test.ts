import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BackOff } from "./back-off.ts";

test("pauses double up to a minute and never fall below half of it", () => {
  const longest = new BackOff(() => 1);
  const pauses = Array.from({ length: 8 }, () => longest.next(0));
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(2_000), (random, attempts) => {
      const backOff = new BackOff(() => random);
      let pause = 0;
      for (let i = 0; i <= Math.min(attempts, 40); i++) pause = backOff.next(0);
      assert.ok(pause >= 500 && pause <= 60_000);
    }),
  );
});

test("only a connection that lasted starts the pauses anew", () => {
  const backOff = new BackOff(() => 1);
  backOff.next(0);
  backOff.next(0);
  assert.equal(backOff.next(200), 4_000);
  assert.equal(backOff.next(30_000), 1_000);
});
