import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, type Remains } from "./judge.ts";
import { textOf } from "./report.ts";
import type { Sample } from "./result.ts";

const sample = (second: number, residentMb: number): Sample => ({
  second,
  signed: second,
  waiting: 0,
  connected: 2,
  p50Ms: 10,
  p99Ms: 20,
  members: [{ residentMb, files: 50, cpuSeconds: second / 100 }],
});

const flat = Array.from({ length: 60 }, (_, i) => sample(10 * i, i < 20 ? 100 + i : 120));

const good: Remains = {
  ends: [
    { meter: "meter-0", next: 5, head: "aa", waiting: 0 },
    { meter: "meter-1", next: 9, head: "bb", waiting: 0 },
  ],
  ledgers: [
    {
      height: 7,
      tips: new Map([
        ["meter-0", { next: 5, head: "aa" }],
        ["meter-1", { next: 9, head: "bb" }],
      ]),
    },
  ],
  samples: flat,
  restarts: 0,
};

test("equal chains, all receipts and flat memory are well", () => {
  assert.deepEqual(judge(good), []);
});

test("a meter whose chain is missing, short, long or another's is named with its member", () => {
  const [ledger] = good.ledgers;
  assert.ok(ledger);
  const tipsOf = (tip: { next: number; head: string } | undefined) => {
    const tips = new Map(ledger.tips);
    if (tip === undefined) tips.delete("meter-1");
    else tips.set("meter-1", tip);
    return { ...good, ledgers: [ledger, { ...ledger, tips }] };
  };
  for (const tip of [
    undefined,
    { next: 5, head: "aa" },
    { next: 13, head: "cc" },
    { next: 9, head: "cc" },
  ]) {
    const stands = tip?.next ?? "nothing";
    assert.deepEqual(judge(tipsOf(tip)), [
      `member 2: 1 meters stand elsewhere than their units, meter-1 at ${stands} instead of 9`,
    ]);
  }
  // A unit that signed nothing has no chain.
  const idle = { meter: "meter-2", next: 1, head: "cc", waiting: 0 };
  assert.deepEqual(judge({ ...good, ends: [...good.ends, idle] }), []);
});

test("batches without a receipt, members that ended and memory that grows are told of", () => {
  const [first, ...others] = good.ends;
  assert.ok(first);
  assert.deepEqual(judge({ ...good, ends: [{ ...first, waiting: 3 }, ...others] }), [
    "3 batches have no receipt",
  ]);
  assert.deepEqual(judge({ ...good, restarts: 1 }), ["members ended and were started again: 1"]);
  const growing = Array.from({ length: 60 }, (_, i) => sample(10 * i, 100 + i));
  assert.deepEqual(judge({ ...good, samples: growing }), ["member 1 grew from 130 to 150 MB"]);
  assert.deepEqual(judge({ ...good, samples: growing.slice(0, 20) }), []);
});

test("the report says what it measured, and what is wrong", () => {
  const result = {
    ...{ meters: 2, minutes: 10, members: 1, everyMs: 60_000, entries: 4, cores: 2, seconds: 600 },
    ...{ signed: 600, receipts: 600, p50Ms: 12, p99Ms: 30, mostMs: 44, refused: {} },
    ...{ samples: flat, height: 7, restarts: 0 },
  };
  const text = textOf({ ...result, problems: [] });
  assert.match(text, /600 signed \(1\.0 a second\), 600 receipts verified/);
  assert.match(text, /10000 µs a batch/);
  assert.match(text, /nothing lost, nothing twice/);
  const wrong = textOf({ ...result, refused: { "readings.gap": 2 }, problems: ["3 batches"] });
  assert.match(wrong, /WRONG: 3 batches/);
  assert.match(wrong, /readings\.gap/);
  assert.doesNotMatch(wrong, /nothing lost/);
});
