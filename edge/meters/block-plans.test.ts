import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Span } from "../planner/plan.ts";
import { BlockPlans, type PlanBasis, planWithCuts } from "./block-plans.ts";

const limits = { maxRegisters: 20, evenCount: false, evenStart: false };
const row = fc.record({ address: fc.nat(60), words: fc.constantFrom(1, 2, 4) });
const basis = fc.record({
  limits: fc.record({
    maxRegisters: fc.integer({ min: 8, max: 20 }),
    evenCount: fc.boolean(),
    evenStart: fc.boolean(),
  }),
  cost: fc.record({ requestRegisters: fc.nat(40) }),
  breaks: fc.uniqueArray(fc.nat(60), { maxLength: 3 }).map((all) => new Set(all)),
});

test("a request may be parted before each row that no other one spans", () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1 }), basis, (rows, given) => {
      for (const { rows: inside, cuts } of planWithCuts(rows, given)) {
        const spanned = (cut: number) =>
          inside.some(({ address, words }) => cut > address && cut < address + words);
        const places = new Set(inside.map(({ address }) => address));
        assert.deepEqual(
          cuts,
          [...places].filter((cut) => !spanned(cut)),
        );
      }
    }),
  );
});

test("remembered plans are those that would be made, whatever was asked for before", () => {
  const pool: readonly Span[] = Array.from({ length: 12 }, (_, i) => ({
    address: i * 4,
    words: 1 + (i % 3),
  }));
  const asked = fc.tuple(fc.subarray([...pool], { minLength: 1 }), basis);
  const few = fc.tuple(asked, asked, asked);
  fc.assert(
    fc.property(few, fc.array(fc.nat(2), { maxLength: 40 }), (choices, order) => {
      const plans = new BlockPlans<Span>();
      for (const at of order) {
        const [rows, given] = choices[at] as [Span[], PlanBasis];
        assert.deepEqual(plans.of(rows, given), planWithCuts(rows, given));
      }
    }),
  );
});

test("the same question is planned once, and a unit whose turnaround wanders keeps few plans", () => {
  const plans = new BlockPlans<Span>();
  const rows = [
    { address: 0, words: 2 },
    { address: 10, words: 2 },
  ];
  const of = (requestRegisters: number) =>
    plans.of([...rows], { limits, cost: { requestRegisters }, breaks: new Set() });
  const first = of(1);
  assert.equal(of(1), first);
  assert.notEqual(of(2), first);
  assert.equal(of(1), first);
  for (let cost = 3; cost < 40; cost++) of(cost);
  assert.notEqual(of(1), first);
});
