import assert from "node:assert/strict";
import { test } from "node:test";
import { Random, randomFrom } from "./random.ts";

function draw(random: Random, count: number): Float64Array {
  const out = new Float64Array(count);
  random.fillSymmetric(out);
  return out;
}

test("the words are those of the reference implementation", () => {
  // The first outputs of xoshiro128starstar.c 1.1 from the state {1, 2, 3, 4}, as rand_xoshiro
  // (https://docs.rs/rand_xoshiro) tests them too.
  const expected = [
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
    4258142804,
  ];
  const words = draw(new Random([1, 2, 3, 4]), 10).map((x) => (x * 2 ** 31) >>> 0);
  assert.deepEqual([...words], expected);
});

test("draws do not depend on how they are batched", () => {
  const seed = new Uint8Array(32).fill(7);
  const whole = draw(randomFrom(seed), 100);
  const random = randomFrom(seed);
  assert.deepEqual([...draw(random, 37), ...draw(random, 63)], [...whole]);
});

test("every byte of the seed counts, and a seed is 32 bytes", () => {
  const seen = new Set<number>();
  for (let at = 0; at < 32; at += 1) {
    const seed = new Uint8Array(32);
    seed[at] = 1;
    seen.add(draw(randomFrom(seed), 1)[0] ?? 0);
  }
  assert.equal(seen.size, 32);
  assert.throws(() => randomFrom(new Uint8Array(31)), /expected 32 bytes, got 31/);
});

test("draws fill [−1, 1) evenly", () => {
  const draws = draw(randomFrom(new Uint8Array(32)), 100_000);
  const bins = new Array<number>(20).fill(0);
  for (const x of draws) {
    assert.ok(x >= -1 && x < 1);
    const bin = Math.floor((x + 1) * 10);
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  // 5 000 expected a bin with a standard deviation of 69.
  for (const count of bins) assert.ok(Math.abs(count - 5000) < 350, `${count} in a bin`);
});
