import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Daring } from "./daring.ts";
import { type LimitGrounds, limitOf } from "./strategy.ts";

const grounds: LimitGrounds = {
  side: "ask",
  reference: 600_000,
  feedIn: 400_000,
  retail: 700_000,
  gatesLeft: 0,
  daringPermille: 500,
};
const ramp = { kind: "learned-ramp", roomPermille: 30, learnPermille: 100 } as const;

test("following the reference leaves a little room on the other side", () => {
  const strategy = { kind: "follow-reference", roomPermille: 50 } as const;
  assert.equal(limitOf(strategy, grounds), 570_000);
  assert.equal(limitOf(strategy, { ...grounds, side: "bid" }), 630_000);
});

test("a fixed margin is so much better than the tariff, and never beyond its other end", () => {
  const strategy = { kind: "fixed-margin", marginMicroPerKwh: 25_000 } as const;
  assert.equal(limitOf(strategy, grounds), 425_000);
  assert.equal(limitOf(strategy, { ...grounds, side: "bid" }), 675_000);
  const greedy = { kind: "fixed-margin", marginMicroPerKwh: 900_000 } as const;
  assert.equal(limitOf(greedy, grounds), 700_000);
  assert.equal(limitOf(greedy, { ...grounds, side: "bid" }), 400_000);
});

test("a ramp asks for most at the first gate, for less at each, and follows the reference at the last", () => {
  const asks = [4, 3, 2, 1, 0].map((gatesLeft) => limitOf(ramp, { ...grounds, gatesLeft }));
  const bids = [4, 3, 2, 1, 0].map((gatesLeft) =>
    limitOf(ramp, { ...grounds, side: "bid", gatesLeft }),
  );
  assert.deepEqual(
    asks,
    asks.toSorted((a, b) => b - a),
  );
  assert.deepEqual(
    bids,
    bids.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(asks).size, 5);
  assert.deepEqual([asks[4], bids[4]], [582_000, 618_000]);
  // With one gate left it goes half of what it dares, here 0.5, of the way to the tariff's end.
  assert.deepEqual([asks[3], bids[3]], [611_500, 563_500]);
});

test("no strategy gives a price that is none, whatever the market says", () => {
  const price = fc.integer({ min: -1_000_000_000, max: 1_000_000_000 });
  fc.assert(
    fc.property(
      fc.constantFrom("ask" as const, "bid" as const),
      fc.tuple(price, price, price),
      fc.nat(40),
      fc.nat(1000),
      (side, [reference, feedIn, retail], gatesLeft, daringPermille) => {
        for (const strategy of [
          ramp,
          { kind: "fixed-margin", marginMicroPerKwh: 50_000 },
        ] as const) {
          const all = { side, reference, feedIn, retail, gatesLeft, daringPermille };
          const limit = limitOf(strategy, all);
          assert.ok(Number.isSafeInteger(limit) && Math.abs(limit) <= 1_030_000_001, `${limit}`);
        }
      },
    ),
  );
});

test("below 0 room is still towards the other side: an ask goes lower, a bid higher", () => {
  const strategy = { kind: "follow-reference", roomPermille: 30 } as const;
  const limit = (side: "ask" | "bid", reference: number) =>
    limitOf(strategy, { ...grounds, side, reference });
  assert.deepEqual([limit("ask", -100_000), limit("bid", -100_000)], [-103_000, -97_000]);
  assert.deepEqual([limit("ask", 100_000), limit("bid", 100_000)], [97_000, 103_000]);
  assert.deepEqual([limit("ask", 0), limit("bid", 0)], [0, 0]);
  const margin = { kind: "fixed-margin", marginMicroPerKwh: 20_000 } as const;
  const below = { ...grounds, feedIn: -50_000, retail: -10_000 };
  assert.equal(limitOf(margin, { ...below, side: "ask" }), -30_000);
  assert.equal(limitOf(margin, { ...below, side: "bid" }), -30_000);
});

test("a ramp dares more after what was taken and less after what was not, and remembers it", () => {
  let kept: string | undefined;
  const store = {
    read: () => kept,
    write: (text: string) => {
      kept = text;
    },
  };
  const daring = new Daring(store, 100);
  assert.equal(daring.permille, 500);
  const quote = { slot: 7, gate: 1, quantityWh: 1_000, soldWh: 200 };
  daring.asked(quote);
  daring.came({ slot: 7, gate: 1, soldWh: 1_200 });
  assert.equal(daring.permille, 500, "the same gate: nothing came of it yet");
  daring.came({ slot: 7, gate: 2, soldWh: 1_200 });
  assert.equal(daring.permille, 600);
  daring.came({ slot: 7, gate: 3, soldWh: 1_200 });
  assert.equal(daring.permille, 600, "each quote teaches once");
  daring.asked({ ...quote, gate: 3 });
  daring.came({ slot: 7, gate: 4, soldWh: 450 });
  assert.equal(daring.permille, 550, "a quarter was taken");
  assert.equal(new Daring(store, 100).permille, 550);
  for (let i = 0; i < 50; i += 1) {
    daring.asked({ ...quote, slot: i });
    daring.came({ slot: i, gate: 2, soldWh: 200 });
  }
  assert.equal(daring.permille, 50, "it never stops trying");
  kept = "nonsense";
  assert.equal(new Daring(store, 100).permille, 500);
});
