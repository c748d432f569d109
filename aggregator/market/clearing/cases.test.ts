/**
 * Cases that clearing algorithms get wrong, worked out by hand: books of all shapes, with the largest
 * quantity that can be traded at the optimum, every price that supports it, and who gets how much.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh } from "@busbar/protocol";
import { verifyClearing } from "./certificate.ts";
import { clear } from "./clearing.ts";
import { bookOf, type Wish } from "./test-books.ts";

/** Quotes as `Wh@limit` (10⁻³ currency/kWh), a party after a colon; `accepted` in their order. */
type Case = {
  readonly asks: string;
  readonly bids: string;
  readonly accepted: string;
  readonly quantity: number;
  readonly interval: readonly [number | undefined, number | undefined];
};
const none = undefined;

const cases: Readonly<Record<string, Case>> = {
  // Nothing to trade
  "an empty book": { asks: "", bids: "", accepted: "", quantity: 0, interval: [none, none] },
  "asks alone": { asks: "5@2 5@3", bids: "", accepted: "0 0", quantity: 0, interval: [none, 2] },
  "bids alone": { asks: "", bids: "5@2 5@3", accepted: "0 0", quantity: 0, interval: [3, none] },
  "a gap of one": { asks: "5@6", bids: "5@5", accepted: "0 0", quantity: 0, interval: [5, 6] },
  "many, and no two meet": {
    ...{ asks: "1@9 1@8 1@7", bids: "1@1 1@2 1@3", accepted: "0 0 0 0 0 0" },
    ...{ quantity: 0, interval: [3, 7] },
  },
  // Two quotes
  "one pair": { asks: "5@2", bids: "5@8", accepted: "5 5", quantity: 5, interval: [2, 8] },
  "one pair at one price": {
    asks: "5@4",
    bids: "5@4",
    accepted: "5 5",
    quantity: 5,
    interval: [4, 4],
  },
  "an ask too large": { asks: "9@2", bids: "5@8", accepted: "5 5", quantity: 5, interval: [2, 2] },
  "a bid too large": { asks: "5@2", bids: "9@8", accepted: "5 5", quantity: 5, interval: [8, 8] },
  "one Wh": { asks: "1@2", bids: "1@8", accepted: "1 1", quantity: 1, interval: [2, 8] },
  "one Wh of a terawatt-hour": {
    ...{ asks: "1000000000000@2", bids: "1@8", accepted: "1 1" },
    ...{ quantity: 1, interval: [2, 2] },
  },
  // Which asks, which bids
  "the cheaper of two asks": {
    asks: "5@4 5@2",
    bids: "5@8",
    accepted: "0 5 5",
    quantity: 5,
    interval: [2, 4],
  },
  "the dearer of two bids": {
    asks: "5@2",
    bids: "5@6 5@8",
    accepted: "5 0 5",
    quantity: 5,
    interval: [6, 8],
  },
  "both asks, the dearer in part": {
    asks: "5@4 5@2",
    bids: "8@8",
    accepted: "3 5 8",
    quantity: 8,
    interval: [4, 4],
  },
  "both bids, the lower in part": {
    asks: "8@2",
    bids: "5@6 5@8",
    accepted: "8 3 5",
    quantity: 8,
    interval: [6, 6],
  },
  "a staircase that ends on a corner of both": {
    ...{ asks: "3@1 3@2 3@9", bids: "3@8 3@7 3@3", accepted: "3 3 0 3 3 0" },
    ...{ quantity: 6, interval: [3, 7] },
  },
  "a staircase that ends within an ask": {
    ...{ asks: "3@1 4@2 3@9", bids: "3@8 3@7 3@1", accepted: "3 3 0 3 3 0" },
    ...{ quantity: 6, interval: [2, 2] },
  },
  "a staircase that ends within a bid": {
    ...{ asks: "3@1 3@2 3@9", bids: "3@8 4@7 3@3", accepted: "3 3 0 3 3 0" },
    ...{ quantity: 6, interval: [7, 7] },
  },
  "a rejected ask caps the price": {
    asks: "5@2 5@3",
    bids: "5@8",
    accepted: "5 0 5",
    quantity: 5,
    interval: [2, 3],
  },
  "a rejected bid holds the price": {
    asks: "5@2",
    bids: "5@8 5@7",
    accepted: "5 5 0",
    quantity: 5,
    interval: [7, 8],
  },
  "rejected on both sides": {
    asks: "5@2 5@6",
    bids: "5@8 5@5",
    accepted: "5 0 5 0",
    quantity: 5,
    interval: [5, 6],
  },
  "one large ask, many small bids": {
    ...{ asks: "100@2", bids: "1@3 1@4 1@5 1@1", accepted: "3 1 1 1 0" },
    ...{ quantity: 3, interval: [2, 2] },
  },
  "one large bid, many small asks": {
    ...{ asks: "1@3 1@4 1@5 1@9", bids: "100@8", accepted: "1 1 1 0 3" },
    ...{ quantity: 3, interval: [8, 8] },
  },
  // Who agrees on the price exactly
  "indifferent ask and bid still trade": {
    ...{ asks: "5@2 5@5", bids: "5@8 5@5", accepted: "5 5 5 5" },
    ...{ quantity: 10, interval: [5, 5] },
  },
  "all at one price, asks too many": {
    asks: "5@4 5@4",
    bids: "5@4",
    accepted: "3 2 5",
    quantity: 5,
    interval: [4, 4],
  },
  "all at one price, bids too many": {
    asks: "5@4",
    bids: "5@4 5@4",
    accepted: "5 3 2",
    quantity: 5,
    interval: [4, 4],
  },
  "a marginal ask that meets a marginal bid": {
    ...{ asks: "4@2 4@5", bids: "6@8 6@5", accepted: "4 4 6 2" },
    ...{ quantity: 8, interval: [5, 5] },
  },
  // Ties
  "equal asks share in proportion": {
    asks: "30@4 10@4",
    bids: "20@8",
    accepted: "15 5 20",
    quantity: 20,
    interval: [4, 4],
  },
  "equal bids share in proportion": {
    asks: "20@2",
    bids: "30@6 10@6",
    accepted: "20 15 5",
    quantity: 20,
    interval: [6, 6],
  },
  "an odd Wh goes to the largest remainder": {
    asks: "5@4 4@4 2@4",
    bids: "7@8",
    accepted: "3 3 1 7",
    quantity: 7,
    interval: [4, 4],
  },
  "equal remainders go by id": {
    asks: "5@4 5@4 5@4",
    bids: "8@8",
    accepted: "3 3 2 8",
    quantity: 8,
    interval: [4, 4],
  },
  "a tie that nobody has to share": {
    asks: "5@4 5@4",
    bids: "10@8",
    accepted: "5 5 10",
    quantity: 10,
    interval: [4, 8],
  },
  "a tie beyond the margin": {
    asks: "5@2 5@6 5@6",
    bids: "5@8",
    accepted: "5 0 0 5",
    quantity: 5,
    interval: [2, 6],
  },
  "a share of nothing": {
    asks: "1@4 99@4",
    bids: "10@8",
    accepted: "0 10 10",
    quantity: 10,
    interval: [4, 4],
  },
  // Prices of zero and below
  "energy for nothing": {
    asks: "5@0",
    bids: "5@0",
    accepted: "5 5",
    quantity: 5,
    interval: [0, 0],
  },
  "who pays to be rid of it": {
    asks: "5@-3",
    bids: "5@-1",
    accepted: "5 5",
    quantity: 5,
    interval: [-3, -1],
  },
  "a price on both sides of zero": {
    asks: "5@-3 5@2",
    bids: "5@1",
    accepted: "5 0 5",
    quantity: 5,
    interval: [-3, 1],
  },
  "below zero, in part": {
    asks: "9@-3",
    bids: "5@-1 9@-4",
    accepted: "5 5 0",
    quantity: 5,
    interval: [-3, -3],
  },
  // Parties on both sides
  "own ask and bid net out": {
    asks: "5@2:a",
    bids: "5@8:a",
    accepted: "0 0",
    quantity: 0,
    interval: [2, 8],
  },
  "own ask and bid net out beside others": {
    ...{ asks: "5@2:a 5@3:b", bids: "5@8:a 5@7:c", accepted: "0 5 0 5" },
    ...{ quantity: 5, interval: [3, 7] },
  },
  "what is left of a party's ask goes to others": {
    ...{ asks: "8@2:a", bids: "5@8:a 5@7:c", accepted: "3 0 3" },
    ...{ quantity: 3, interval: [7, 7] },
  },
  "a party that would sell but not buy at the price": {
    ...{ asks: "5@2:a", bids: "5@3:a 5@7:c", accepted: "5 0 5" },
    ...{ quantity: 5, interval: [3, 7] },
  },
};

function wishes(side: Wish["side"], text: string): Wish[] {
  return text.split(" ").flatMap((word) => {
    const found = /^(\d+)@(-?\d+)(?::(\w))?$/.exec(word);
    if (found === null) return [];
    const [, quantity, limit, party] = found;
    const terms = { side, quantity: Number(quantity), limit: Number(limit) };
    return [party === undefined ? terms : { ...terms, party }];
  });
}

test("there are as many cases as other engines were tried on", () => {
  assert.equal(Object.keys(cases).length, 42);
});

for (const [name, { asks, bids, accepted, quantity, interval }] of Object.entries(cases)) {
  test(`clearing: ${name}`, () => {
    const quotes = bookOf([...wishes("ask", asks), ...wishes("bid", bids)]);
    const thousand = (price: number | undefined) => (price === undefined ? price : price * 1000);
    const [lo, hi] = interval.map(thousand);
    for (const reference of [undefined, -9000, 5500, 9000]) {
      const at = reference === undefined ? undefined : microPerKwh(reference);
      const clearing = clear(quotes, at);
      assert.equal(clearing.fills.map((fill) => fill.accepted).join(" "), accepted);
      assert.equal(clearing.volume, quantity);
      assert.deepEqual([clearing.certificate.lo, clearing.certificate.hi], [lo, hi]);
      const middle = ((lo ?? 0) + (hi ?? 0)) / 2;
      const nearest = Math.min(Math.max(reference ?? middle, lo ?? 0), hi ?? 0);
      assert.equal(clearing.price, quantity === 0 ? undefined : nearest);
      assert.deepEqual(verifyClearing(quotes, clearing), { ok: true });
    }
  });
}
