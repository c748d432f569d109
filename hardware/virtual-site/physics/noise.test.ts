import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { smoothNoise } from "./noise.ts";

const octaves = [
  { periodMs: 3_600_000, weight: 1 },
  { periodMs: 600_000, weight: 0.5 },
];
const instant = fc.integer({ min: 0, max: 4_000_000_000_000 });

test("noise depends on seed, channel and time alone, in whatever order it is asked", () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(instant, { minLength: 2, maxLength: 20 }), (seed, times) => {
      const forwards = times.map(smoothNoise(seed, "a", octaves));
      const backwards = times.toReversed().map(smoothNoise(seed, "a", octaves));
      assert.deepEqual(backwards.toReversed(), forwards);
    }),
  );
});

test("noise is bounded and moves by little in a second", () => {
  fc.assert(
    fc.property(fc.nat(), instant, (seed, time) => {
      const noise = smoothNoise(seed, "a", octaves);
      assert(Math.abs(noise(time)) < 3);
      assert(Math.abs(noise(time + 1000) - noise(time)) < 0.02);
    }),
  );
});

test("noise has mean 0 and variance 1, and other seeds and channels are other noise", () => {
  const times = Array.from({ length: 40_000 }, (_, i) => i * 1_000_003);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const a = times.map(smoothNoise(1, "a", octaves));
  assert(Math.abs(mean(a)) < 0.03);
  assert(Math.abs(mean(a.map((x) => x * x)) - 1) < 0.05);
  for (const other of [smoothNoise(2, "a", octaves), smoothNoise(1, "b", octaves)]) {
    const correlation = mean(times.map((time, i) => other(time) * (a[i] ?? 0)));
    assert(Math.abs(correlation) < 0.03);
  }
});
