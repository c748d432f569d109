import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Edge } from "./gpiomon-lines.ts";
import { PulseFilter } from "./pulse-filter.ts";

const limits = { widthMsMin: 15, intervalMsMin: 45 };

/** Pulses counted in levels that hold so many ms each, from inactive on. */
function counted(holds: readonly number[], filter = new PulseFilter(limits)): number {
  let us = 0;
  let pulses = 0;
  for (const [i, ms] of holds.entries()) {
    us += ms * 1000;
    if (filter.push({ active: i % 2 === 0, us }) !== undefined) pulses += 1;
  }
  return pulses;
}

test("pulses of 30 ms are counted, disturbances of 10 ms are not", () => {
  assert.equal(counted([500, 30, 500, 30, 500]), 2);
  assert.equal(counted([500, 10, 500, 10, 500]), 0);
});

test("contacts that bounce at both ends of a pulse make one pulse of it", () => {
  assert.equal(counted([500, 1, 2, 1, 1, 40, 1, 3, 2, 500, 40, 500]), 2);
});

test("a short gap does not part a pulse", () => {
  assert.equal(counted([500, 20, 5, 20, 500]), 1);
});

test("pulses closer than any meter sends them are dropped and counted as such", () => {
  const filter = new PulseFilter(limits);
  assert.equal(counted([500, 20, 20, 20, 500], filter), 1);
  assert.deepEqual(filter.counters, { tooSoon: 1, missedEdges: 0 });
});

test("a pulse under way when listening begins is not counted", () => {
  const filter = new PulseFilter(limits);
  assert.equal(filter.push({ active: false, us: 100_000 }), undefined);
  assert.equal(filter.push({ active: true, us: 200_000 }), undefined);
  filter.restart();
  assert.equal(filter.push({ active: false, us: 300_000 }), undefined);
});

test("the same edge twice counts no pulse twice", () => {
  const filter = new PulseFilter(limits);
  const edges: Edge[] = [
    { active: false, us: 0 },
    { active: true, us: 500_000 },
    { active: true, us: 530_000 },
    { active: false, us: 560_000 },
    { active: true, us: 900_000 },
  ];
  const pulses = edges.map((edge) => filter.push(edge)).filter((began) => began !== undefined);
  assert.deepEqual(pulses, [500_000]);
  assert.equal(filter.counters.missedEdges, 1);
});

test("however contacts bounce, each pulse counts once and each disturbance never", () => {
  type Hold = readonly [active: boolean, ms: number];
  const ms = fc.integer({ min: 1, max: 14 });
  const flips = (first: boolean) =>
    fc.array(fc.tuple(ms, ms), { maxLength: 3 }).map((pairs) =>
      pairs.flatMap(([a, b]): Hold[] => [
        [first, a],
        [!first, b],
      ]),
    );
  const gap = fc.integer({ min: 15, max: 500 }).map((wide): Hold => [false, wide + 45]);
  const width = fc.integer({ min: 15, max: 100 }).map((wide): Hold => [true, wide]);
  const part = fc.oneof(
    fc.record({ gap, before: flips(true), width, after: flips(false) }),
    fc.record({ gap, before: flips(true) }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const holds = parts.flatMap((of): Hold[] =>
        "width" in of ? [of.gap, ...of.before, of.width, ...of.after] : [of.gap, ...of.before],
      );
      const filter = new PulseFilter(limits);
      let pulses = 0;
      let level = false;
      let us = 0;
      for (const [active, held] of [...holds, [false, 60], [true, 1]] as Hold[]) {
        if (active !== level && filter.push({ active, us }) !== undefined) pulses += 1;
        level = active;
        us += held * 1000;
      }
      assert.equal(pulses, parts.filter((of) => "width" in of).length);
    }),
    { numRuns: 500 },
  );
});
