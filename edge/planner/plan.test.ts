import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { loadProfile, profileFolder } from "../meters/profile.ts";
import { wordsOf } from "../meters/register-type.ts";
import { type Block, type BlockLimits, plan, requestCost, type Span } from "./plan.ts";

const limits: BlockLimits = { maxRegisters: 80, evenCount: true, evenStart: true };

test("the hole worth reading through follows the turnaround", () => {
  const hole = (turnaroundMs: number) => requestCost({ turnaroundMs, baud: 9600 }).requestRegisters;
  assert.deepEqual([hole(5), hole(20), hole(142)], [12, 19, 78]);
});

test("an SDM630's values take 3 requests and 0.41 s at 9600 baud, those of one source a fourth", () => {
  const profile = loadProfile(new URL("eastron-sdm630.yaml", profileFolder));
  assert.ok(profile.protocol === "modbus");
  const rows = profile.registers.map((row) => ({ ...row, words: wordsOf(row.type) }));
  const cost = requestCost({ turnaroundMs: 20, baud: 9600 });
  const needed = plan(
    rows.filter((row) => row.optional !== true),
    { limits: profile.read, cost },
  );
  assert.equal(needed.length, 3);
  const byteMs = 10_000 / 9600;
  const ms = needed.reduce((sum, { count }) => sum + (20 + 2 * count) * byteMs + 20, 0);
  assert.ok(ms <= 410 * 1.1, `${ms} ms`);
  assert.equal(plan(rows, { limits: profile.read, cost }).length, 4);
});

test("a break keeps rows apart that would share a block", () => {
  const rows = [0, 2, 4, 6].map((address) => ({ address, words: 2 }));
  const cost = { requestRegisters: 19 };
  assert.equal(plan(rows, { limits, cost }).length, 1);
  const parted = plan(rows, { limits, cost, breaks: new Set([4]) });
  assert.deepEqual(
    parted.map(({ address, count }) => [address, count]),
    [
      [0, 4],
      [4, 4],
    ],
  );
});

test("a row larger than the limit is refused", () => {
  const options = { limits: { ...limits, maxRegisters: 1 }, cost: { requestRegisters: 1 } };
  assert.throws(() => plan([{ address: 3, words: 2 }], options), /register 3 does not fit/);
});

const row = fc.record({
  address: fc.integer({ min: 0, max: 60 }),
  words: fc.constantFrom(1, 2, 4),
});
const anyLimits = fc.record({
  maxRegisters: fc.constantFrom(6, 10, 24),
  evenCount: fc.boolean(),
  evenStart: fc.boolean(),
});

test("every row is read once, inside the limits", () => {
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 20 }),
      anyLimits,
      fc.nat(40),
      (rows, bounds, requestRegisters) => {
        const blocks = plan(rows, { limits: bounds, cost: { requestRegisters } });
        assert.equal(blocks.flatMap((block) => block.rows).length, rows.length);
        for (const block of blocks) {
          assert.ok(block.count <= bounds.maxRegisters);
          if (bounds.evenCount) assert.equal(block.count % 2, 0);
          if (bounds.evenStart) assert.equal(block.address % 2, 0);
          for (const { address, words } of block.rows) {
            assert.ok(address >= block.address && address + words <= block.address + block.count);
          }
        }
      },
    ),
  );
});

test("no other way to cut the sorted rows into blocks is faster", () => {
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 8 }),
      anyLimits,
      fc.nat(40),
      (rows, bounds, requestRegisters) => {
        const price = (blocks: readonly Block<Span>[]) =>
          blocks.reduce((sum, { count }) => sum + requestRegisters + count, 0);
        const got = price(plan(rows, { limits: bounds, cost: { requestRegisters } }));
        assert.equal(got, cheapest(rows, bounds, requestRegisters));
      },
    ),
  );
});

/** By trying every set of cuts. */
function cheapest(rows: readonly Span[], bounds: BlockLimits, requestRegisters: number): number {
  const sorted = rows.toSorted((a, b) => a.address - b.address || a.words - b.words);
  let best = Number.POSITIVE_INFINITY;
  for (let cuts = 0; cuts < 1 << (sorted.length - 1); cuts += 1) {
    const parts: Span[][] = [[]];
    for (const [i, span] of sorted.entries()) {
      if (i > 0 && (cuts >> (i - 1)) & 1) parts.push([]);
      parts.at(-1)?.push(span);
    }
    let total = 0;
    for (const part of parts) {
      let from = Math.min(...part.map(({ address }) => address));
      if (bounds.evenStart) from -= from % 2;
      let count = Math.max(...part.map(({ address, words }) => address + words)) - from;
      if (bounds.evenCount) count += count % 2;
      total += count > bounds.maxRegisters ? Number.POSITIVE_INFINITY : requestRegisters + count;
    }
    best = Math.min(best, total);
  }
  return best;
}
