import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import { clear } from "./clearing.ts";
import { matchPaper } from "./paper-matching.ts";
import type { Quote } from "./quotes.ts";

type Wish = Pick<Quote, "side" | "party"> & { quantity: number; limit: number };

function book(wishes: readonly Wish[]): Quote[] {
  return wishes.map(({ side, party, quantity, limit }, i) => ({
    id: `q${i}`,
    party,
    side,
    slot: utcMs(0),
    form: "any",
    quantity: wh(quantity),
    limit: microPerKwh(limit),
    time: utcMs(0),
  }));
}

const wish = fc.record({
  side: fc.constantFrom("ask" as const, "bid" as const),
  party: fc.constantFrom("a", "b", "c", "d", "e"),
  quantity: fc.integer({ min: 1, max: 9 }),
  limit: fc.nat(20),
});

test("the ask and the bid nearest to the target trade at it, whatever their limits are", () => {
  const quotes = book([
    { side: "ask", party: "a", quantity: 4, limit: 600_000 },
    { side: "ask", party: "b", quantity: 4, limit: 300_000 },
    { side: "bid", party: "c", quantity: 6, limit: 500_000 },
    { side: "bid", party: "d", quantity: 6, limit: 900_000 },
  ]);
  assert.deepEqual(matchPaper(quotes, microPerKwh(550_000)), {
    orders: [
      { ask: "q0", bid: "q2", quantity: 4 },
      { ask: "q1", bid: "q2", quantity: 2 },
      { ask: "q1", bid: "q3", quantity: 2 },
    ],
    price: 550_000,
    volume: 8,
    welfare: -400 + 400 + 1200,
    beyond: 6,
  });
});

/** The text of step 8, looked up in a list instead of a tree. */
function literally(quotes: readonly Quote[], target: number): [string, string, number][] {
  const left = new Map(quotes.map(({ id, quantity }) => [id, quantity as number]));
  const distance = ({ limit }: Quote) => Math.abs(limit - target);
  const nearest = (side: string, except?: string) =>
    quotes
      .filter((quote) => quote.side === side && quote.party !== except && left.get(quote.id) !== 0)
      .sort((a, b) => distance(a) - distance(b) || (a.id < b.id ? -1 : 1))[0];
  const orders: [string, string, number][] = [];
  for (let ask = nearest("ask"); ask !== undefined; ask = nearest("ask")) {
    const bid = nearest("bid", ask.party);
    const quantity = Math.min(left.get(ask.id) ?? 0, left.get(bid?.id ?? "") ?? 0);
    if (bid === undefined) left.set(ask.id, 0);
    else {
      orders.push([ask.id, bid.id, quantity]);
      for (const id of [ask.id, bid.id]) left.set(id, (left.get(id) ?? 0) - quantity);
    }
  }
  return orders;
}

test("orders are those of looking through the whole list each time", () => {
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 10 }), fc.nat(20), (list, target) => {
      const quotes = book(list);
      const { orders } = matchPaper(quotes, microPerKwh(target));
      const made = orders.map(({ ask, bid, quantity }) => [ask, bid, quantity]);
      assert.deepEqual(made, literally(quotes, target));
    }),
    { numRuns: 200 },
  );
});

test("it is never worth more than the clearing, and what it trades beyond a limit is counted", () => {
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 12 }), fc.nat(20), (list, target) => {
      const quotes = book(list);
      const matching = matchPaper(quotes, microPerKwh(target));
      assert.ok(matching.welfare <= clear(quotes).certificate.welfare);
      const byId = new Map(quotes.map((quote) => [quote.id, quote]));
      let [volume, beyond] = [0, 0];
      for (const { ask, bid, quantity } of matching.orders) {
        const [seller, buyer] = [byId.get(ask), byId.get(bid)];
        assert.ok(seller && buyer && seller.party !== buyer.party);
        volume += quantity;
        if (seller.limit > target || buyer.limit < target) beyond += quantity;
      }
      assert.deepEqual([matching.volume, matching.beyond], [volume, beyond]);
    }),
    { numRuns: 200 },
  );
});
