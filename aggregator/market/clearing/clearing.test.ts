import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import { verifyClearing } from "./certificate.ts";
import { clear } from "./clearing.ts";
import type { Clearing, Fill, Quote } from "./quotes.ts";

type Wish = Pick<Quote, "side" | "party"> & { quantity: number; limit: number; time?: number };

/** Quotes written short: their ids are q0, q1 … in the order given. */
function book(wishes: readonly Wish[]): Quote[] {
  return wishes.map(({ side, party, quantity, limit, time = 0 }, i) => ({
    id: `q${i}`,
    party,
    side,
    slot: utcMs(3_600_000),
    form: "any",
    quantity: wh(quantity),
    limit: microPerKwh(limit),
    time: utcMs(time),
  }));
}

const accepted = ({ fills }: Clearing) => fills.map((fill) => fill.accepted);

function wishes(options: { parties: string[]; count: number; energy: number; limits: number }) {
  const { parties, count, energy, limits } = options;
  const wish = fc.record({
    side: fc.constantFrom("ask" as const, "bid" as const),
    party: fc.constantFrom(...parties),
    quantity: fc.integer({ min: 1, max: energy }),
    limit: fc.nat(limits),
    time: fc.nat(3),
  });
  return fc.array(wish, { maxLength: count });
}
const parties = ["a", "b", "c", "d"];
const small = wishes({ parties, count: 6, energy: 3, limits: 5 });
const large = wishes({ parties, count: 40, energy: 1_000_000, limits: 12 });
const reference = fc.option(fc.nat(12).map(microPerKwh), { nil: undefined });

/**
 * Every way to take 0 … quantity of every quote: the largest welfare with balanced sides, and the
 * largest energy at which it is reached. A party may use its own energy itself.
 */
function bruteForce(quotes: readonly Quote[]): { welfare: number; energy: number } {
  const best = { welfare: 0, energy: 0 };
  const walk = (at: number, asked: number, bid: number, welfare: number): void => {
    const quote = quotes[at];
    if (quote === undefined) {
      if (asked !== bid || welfare < best.welfare) return;
      if (welfare > best.welfare || asked > best.energy)
        Object.assign(best, { welfare, energy: asked });
      return;
    }
    for (let take = 0; take <= quote.quantity; take += 1) {
      if (quote.side === "ask") walk(at + 1, asked + take, bid, welfare - take * quote.limit);
      else walk(at + 1, asked, bid + take, welfare + take * quote.limit);
    }
  };
  walk(0, 0, 0, 0);
  return best;
}

test("no other allocation is worth more, and none as good moves more energy", () => {
  fc.assert(
    fc.property(small, reference, (list, at) => {
      // in 10⁻³ of the limits' unit, so that the certificate's division by 1000 is exact
      const quotes = book(list.map((wish) => ({ ...wish, limit: wish.limit * 1000 })));
      const best = bruteForce(quotes);
      const { certificate } = clear(quotes, at);
      assert.equal(certificate.welfare, best.welfare / 1000);
      assert.equal(certificate.cleared, best.energy);
    }),
    { numRuns: 300 },
  );
});

test("every clearing passes its own certificate", () => {
  fc.assert(
    fc.property(large, reference, (list, at) => {
      const quotes = book(list);
      assert.deepEqual(verifyClearing(quotes, clear(quotes, at)), { ok: true });
    }),
    { numRuns: 1000 },
  );
});

test("sold is bought, no quote gets more than it asked for, the price is inside every accepted limit", () => {
  fc.assert(
    fc.property(large, reference, (list, at) => {
      const quotes = book(list);
      const { fills, price, volume } = clear(quotes, at);
      const sums = { ask: 0, bid: 0 };
      quotes.forEach(({ side, quantity, limit }, i) => {
        const taken = fills[i]?.accepted ?? -1;
        assert.ok(taken >= 0 && taken <= quantity);
        sums[side] += taken;
        if (taken === 0) return;
        assert.ok(price !== undefined);
        assert.ok(side === "ask" ? price >= limit : price <= limit);
      });
      assert.deepEqual(sums, { ask: volume, bid: volume });
      assert.equal(price === undefined, volume === 0);
    }),
  );
});

test("the order in which quotes arrive in the list changes nothing", () => {
  const shuffled = large.chain((list) => {
    const quotes = book(list);
    const all = { minLength: quotes.length, maxLength: quotes.length };
    return fc.tuple(fc.constant(quotes), fc.shuffledSubarray(quotes, all), reference);
  });
  const byId = (fills: readonly Fill[]) => [...fills].sort((a, b) => (a.id < b.id ? -1 : 1));
  fc.assert(
    fc.property(shuffled, ([quotes, turned, at]) => {
      const [one, two] = [clear(quotes, at), clear(turned, at)];
      assert.deepEqual({ ...one, fills: byId(one.fills) }, { ...two, fills: byId(two.fills) });
    }),
    { numRuns: 500 },
  );
});

test("a party's own ask and bid net out, and everybody else trades as if they were two parties", () => {
  fc.assert(
    fc.property(large, reference, (list, at) => {
      const quotes = book(list);
      const strangers = quotes.map((quote, i) => ({ ...quote, party: `stranger ${i}` }));
      const [own, apart] = [clear(quotes, at), clear(strangers, at)];
      const net = new Map<string, { ask: number; bid: number }>();
      quotes.forEach(({ party, side }, i) => {
        const fill = own.fills[i] ?? { accepted: 0, netted: 0 };
        assert.equal(fill.accepted + fill.netted, apart.fills[i]?.accepted);
        const sides = net.get(party) ?? { ask: 0, bid: 0 };
        net.set(party, { ...sides, [side]: sides[side] + fill.accepted });
      });
      for (const { ask, bid } of net.values()) assert.ok(ask === 0 || bid === 0);
      if (own.price !== undefined) assert.equal(own.price, apart.price);
    }),
    { numRuns: 500 },
  );
});

test("a party that meets only itself trades nothing and makes no price", () => {
  const quotes = book([
    { side: "ask", party: "a", quantity: 10, limit: 1 },
    { side: "bid", party: "a", quantity: 10, limit: 5 },
    { side: "bid", party: "b", quantity: 2, limit: 3 },
  ]);
  const clearing = clear(quotes);
  assert.deepEqual(accepted(clearing), [0, 0, 0]);
  assert.equal(clearing.price, undefined);
  assert.deepEqual(
    clearing.fills.map(({ netted }) => netted),
    [10, 10, 0],
  );
});

test("of a party's equal quotes the latest is netted first", () => {
  const quotes = book([
    { side: "ask", party: "a", quantity: 10, limit: 1, time: 2 },
    { side: "ask", party: "a", quantity: 10, limit: 1, time: 1 },
    { side: "bid", party: "a", quantity: 8, limit: 5 },
    { side: "bid", party: "b", quantity: 12, limit: 5 },
  ]);
  assert.deepEqual(accepted(clear(quotes)), [2, 10, 0, 12]);
});

test("a crossed book of two trades at the point of [lo, hi] nearest to the reference", () => {
  const quotes = book([
    { side: "ask", party: "a", quantity: 10, limit: 400_000 },
    { side: "bid", party: "b", quantity: 10, limit: 600_001 },
  ]);
  const priceAt = (at?: number) =>
    clear(quotes, at === undefined ? undefined : microPerKwh(at)).price;
  assert.equal(priceAt(500_123), 500_123);
  assert.equal(priceAt(390_000), 400_000);
  assert.equal(priceAt(900_000), 600_001);
  assert.equal(priceAt(), 500_000, "the midpoint 500 000.5, half to even");
  const { certificate } = clear(quotes);
  assert.deepEqual([certificate.lo, certificate.hi], [400_000, 600_001]);
  assert.equal(certificate.welfare, 2000, "10 Wh worth 0.200001 more to b, rounded down");
});

test("quotes left with energy narrow the price", () => {
  const quotes = book([
    { side: "ask", party: "a", quantity: 10, limit: 100 },
    { side: "ask", party: "b", quantity: 10, limit: 500 },
    { side: "bid", party: "c", quantity: 10, limit: 900 },
    { side: "bid", party: "d", quantity: 10, limit: 300 },
  ]);
  const { certificate } = clear(quotes, microPerKwh(0));
  assert.deepEqual([certificate.lo, certificate.hi], [300, 500]);
});

test("equals share by largest remainder, equal remainders go to the earlier quote", () => {
  const asks = [
    { side: "ask" as const, party: "a", quantity: 5, limit: 100, time: 2 },
    { side: "ask" as const, party: "b", quantity: 5, limit: 100, time: 1 },
    { side: "ask" as const, party: "c", quantity: 5, limit: 100, time: 1 },
  ];
  const bid = (quantity: number) => ({ side: "bid" as const, party: "d", quantity, limit: 200 });
  assert.deepEqual(accepted(clear(book([...asks, bid(7)]))), [2, 3, 2, 7], "q1 before q2 by id");
  assert.deepEqual(accepted(clear(book([...asks, bid(8)]))), [2, 3, 3, 8]);
  const { rationed } = clear(book([...asks, bid(8)])).certificate;
  assert.deepEqual(rationed, { side: "ask", limit: 100, offered: 15, cleared: 8 });
});

test("an ask above every bid trades nothing, and an empty slot clears", () => {
  const quotes = book([
    { side: "ask", party: "a", quantity: 10, limit: 600 },
    { side: "bid", party: "b", quantity: 10, limit: 500 },
  ]);
  const { price, volume, certificate } = clear(quotes, microPerKwh(550));
  assert.deepEqual([price, volume, certificate.lo, certificate.hi], [undefined, 0, 500, 600]);
  const empty = clear([], microPerKwh(1));
  assert.deepEqual([empty.fills, empty.volume, empty.certificate.lo], [[], 0, undefined]);
});

test("quotes of two slots, or without energy, are refused", () => {
  const quotes = book([
    { side: "ask", party: "a", quantity: 10, limit: 600 },
    { side: "bid", party: "b", quantity: 10, limit: 500 },
  ]);
  const other = quotes.map((quote, i) => ({ ...quote, slot: utcMs(i) }));
  assert.throws(() => clear(other), /quote q1: expected slot 0/);
  const nothing = quotes.map((quote) => ({ ...quote, quantity: wh(0) }));
  assert.throws(() => clear(nothing), /quote q0: expected a quantity above 0/);
});

test("sums beyond 2⁵³ stay exact", () => {
  const quotes = book([
    { side: "ask", party: "a", quantity: 1_000_000_000_000, limit: 999_999_999 },
    { side: "ask", party: "c", quantity: 3, limit: 1 },
    { side: "bid", party: "b", quantity: 1_000_000_000_003, limit: 1_000_000_000 },
  ]);
  const clearing = clear(quotes);
  assert.equal(clearing.certificate.welfare, (1_000_000_000_000 + 3 * 999_999_999 - 997) / 1000);
  assert.deepEqual(verifyClearing(quotes, clearing), { ok: true });
});
