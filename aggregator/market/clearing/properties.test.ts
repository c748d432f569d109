/** What every clearing holds, whatever the book: the promises to those who trade. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cost, microPerKwh } from "@busbar/protocol";
import fc from "fast-check";
import { verifyClearing } from "./certificate.ts";
import { clear } from "./clearing.ts";
import { pairQuotes } from "./pairing.ts";
import type { Quote } from "./quotes.ts";
import { residualSales } from "./residual.ts";
import { bookOf, side, type Wish, wish } from "./test-books.ts";
import { maximize } from "./test-lp.ts";

const book = fc.array(wish, { maxLength: 16, size: "max" });
const reference = fc.option(fc.integer({ min: -5, max: 9 }), { nil: undefined });
const priced = (at: number | undefined) => (at === undefined ? undefined : microPerKwh(at * 1000));

test("the welfare is that of a linear program", () => {
  const small = fc.array(wish, { maxLength: 10 });
  fc.assert(
    fc.property(small, reference, (list, at) => {
      const quotes = bookOf(list);
      const balance = quotes.map((quote) => (quote.side === "ask" ? 1 : -1));
      const limits = quotes.map(({ quantity }, i) => ({
        row: quotes.map((_, j) => (i === j ? 1 : 0)),
        most: quantity,
      }));
      const { value } = maximize({
        objective: quotes.map((quote, i) => (-(balance[i] ?? 0) * quote.limit) / 1000),
        rows: [...limits, { row: balance, most: 0 }, { row: balance.map((x) => 0 - x), most: 0 }],
      });
      assert.equal(clear(quotes, priced(at)).certificate.welfare, Math.round(value));
    }),
    { numRuns: 300 },
  );
});

/** A book with parties on both sides, cleared, paired, and the rest with the bureau. */
function settled(quotes: readonly Quote[], at: number | undefined) {
  const { fills, price = microPerKwh(0) } = clear(quotes, priced(at));
  const accepted = quotes.flatMap((quote, i) => {
    const energy = fills[i]?.accepted;
    return energy === undefined || energy === 0 ? [] : [{ ...quote, accepted: energy }];
  });
  const pairing = pairQuotes(accepted);
  assert.ok(pairing.ok);
  const tariff = { feedIn: microPerKwh(-5000), retail: microPerKwh(9000), subsidyPermille: 0 };
  const rests = quotes.map(({ id, party, side, quantity, limit }, i) => {
    const { accepted: taken = 0, netted = 0 } = fills[i] ?? {};
    return {
      id,
      party,
      role: "user",
      side,
      limit,
      quantity: (quantity - taken - netted) as never,
    } as const;
  });
  const none = { cg: undefined, cu: undefined, gc: undefined, gu: undefined };
  const residual = residualSales(rests, { bureau: "bureau", prices: none, tariff });
  return { fills, price, matches: pairing.matches, residual };
}

test("each Wh and each millionth that somebody gives, somebody gets", () => {
  const owned = fc
    .tuple(wish, fc.constantFrom("a", "b", "c", "d"))
    .map(([terms, party]): Wish => ({ ...terms, party }));
  fc.assert(
    fc.property(fc.array(owned, { maxLength: 16, size: "max" }), reference, (list, at) => {
      const quotes = bookOf(list);
      const { fills, price, matches, residual } = settled(quotes, at);
      const party = new Map(quotes.map((quote) => [quote.id, quote.party]));
      const accounts = new Map<string, { energy: number; money: number }>();
      const post = (owner: string, energy: number, money: number) => {
        const { energy: e, money: m } = accounts.get(owner) ?? { energy: 0, money: 0 };
        accounts.set(owner, { energy: e + energy, money: m + money });
      };
      const orders = [
        ...matches.map(({ ask, bid, quantity }) => {
          return { seller: party.get(ask) ?? "", buyer: party.get(bid) ?? "", quantity, price };
        }),
        ...residual,
      ];
      for (const { seller, buyer, quantity, price: each } of orders) {
        assert.notEqual(seller, buyer);
        post(seller, -quantity, cost(each, quantity));
        post(buyer, quantity, -cost(each, quantity));
      }
      const all = [...accounts.values()];
      assert.equal(
        all.reduce((sum, { energy }) => sum + energy, 0),
        0,
      );
      assert.equal(
        all.reduce((sum, { money }) => sum + money, 0),
        0,
      );
      // A party gets what it quoted, bought less sold, but for what it uses itself, and but for what
      // nobody takes or gives at prices below 0.
      for (const [owner, { energy }] of accounts) {
        if (owner === "bureau") continue;
        const unserved = (limit: number, side: Quote["side"]) =>
          side === "ask" ? limit > -5000 : limit < 0;
        const wanted = quotes.reduce((sum, { party: whose, side, quantity, limit }, i) => {
          if (whose !== owner) return sum;
          const { accepted = 0, netted = 0 } = fills[i] ?? {};
          const left = unserved(limit, side) ? quantity - accepted - netted : 0;
          return sum + (side === "bid" ? quantity - left : left - quantity);
        }, 0);
        assert.equal(energy, wanted);
      }
      assert.equal(fills.length, quotes.length);
    }),
    { numRuns: 200 },
  );
});

test("nobody pays more, or gets less, than its limit for all that it trades, but for rounding", () => {
  fc.assert(
    fc.property(book, reference, (list, at) => {
      const quotes = bookOf(list);
      const { price, matches } = settled(quotes, at);
      const byId = new Map(quotes.map((quote) => [quote.id, quote]));
      for (const { ask, bid, quantity } of matches) {
        const paid = cost(price, quantity);
        assert.ok(paid >= cost(byId.get(ask)?.limit ?? price, quantity));
        assert.ok(paid <= cost(byId.get(bid)?.limit ?? price, quantity));
      }
    }),
    { numRuns: 200 },
  );
});

test("prices scale and shift with the limits, quantities with the quantities", () => {
  const factor = fc.integer({ min: 2, max: 50 });
  const shift = fc.integer({ min: -20, max: 20 });
  fc.assert(
    fc.property(book, fc.integer({ min: -5, max: 9 }), factor, shift, (list, at, k, by) => {
      const one = clear(bookOf(list), priced(at));
      const moved = (limit: number) => limit * k + by;
      const dearer = clear(
        bookOf(list.map((entry) => ({ ...entry, limit: moved(entry.limit) }))),
        priced(moved(at)),
      );
      assert.deepEqual(dearer.fills, one.fills);
      const price = (x: number | undefined) => (x === undefined ? x : x * k + by * 1000);
      const prices = ({ price: at, certificate: { lo, hi } }: typeof one) => [at, lo, hi];
      assert.deepEqual(prices(dearer), prices(one).map(price));
      const larger = clear(
        bookOf(list.map((entry) => ({ ...entry, quantity: entry.quantity * k }))),
        priced(at),
      );
      assert.deepEqual(prices(larger), prices(one));
      assert.equal(larger.volume, one.volume * k);
      assert.equal(larger.certificate.welfare, one.certificate.welfare * k);
      larger.fills.forEach((fill, i) => {
        const expected = (one.fills[i]?.accepted ?? 0) * k;
        assert.ok(
          Math.abs(fill.accepted - expected) <= k,
          "less than a Wh is a matter of rounding",
        );
      });
    }),
    { numRuns: 200 },
  );
});

test("splitting an order, or merging its parts, moves no price and no more than a Wh a part", () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(book, fc.nat(15), cuts, reference, (list, which, sizes, at) => {
      const whole = list[which];
      fc.pre(whole !== undefined);
      let left = whole.quantity;
      const parts = sizes.flatMap((size) => {
        const quantity = Math.min(size, left);
        left -= quantity;
        return quantity > 0 ? [{ ...whole, quantity }] : [];
      });
      if (left > 0) parts.push({ ...whole, quantity: left });
      const one = clear(bookOf(list), priced(at));
      const split = clear(bookOf([...list.toSpliced(which, 1), ...parts]), priced(at));
      assert.deepEqual(
        [split.price, split.volume, split.certificate.lo, split.certificate.hi],
        [one.price, one.volume, one.certificate.lo, one.certificate.hi],
      );
      assert.equal(split.certificate.welfare, one.certificate.welfare);
      const together = split.fills.slice(list.length - 1).reduce((sum, f) => sum + f.accepted, 0);
      assert.ok(Math.abs(together - (one.fills[which]?.accepted ?? 0)) <= parts.length);
    }),
    { numRuns: 300 },
  );
});

test("equal limits are served in proportion, to less than one Wh", () => {
  const few = fc.record({ side, quantity: fc.integer({ min: 1, max: 99 }), limit: fc.nat(2) });
  fc.assert(
    fc.property(fc.array(few, { maxLength: 16, size: "max" }), (list) => {
      const quotes = bookOf(list);
      const { fills } = clear(quotes);
      for (const word of ["ask", "bid"]) {
        for (const limit of [0, 1000, 2000]) {
          const group = quotes.flatMap((quote, i) =>
            quote.side === word && quote.limit === limit
              ? [{ quantity: quote.quantity, accepted: fills[i]?.accepted ?? 0 }]
              : [],
          );
          const offered = group.reduce((sum, { quantity }) => sum + quantity, 0);
          const taken = group.reduce((sum, { accepted }) => sum + accepted, 0);
          for (const { quantity, accepted } of group) {
            assert.ok(Math.abs(accepted - (quantity * taken) / offered) < 1);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("of equal limits the higher rank is served before the others, and no price or sum depends on ranks", () => {
  const ranked = fc.tuple(wish, fc.nat(2)).map(([one, rank]): Wish => ({ ...one, rank }));
  fc.assert(
    fc.property(fc.array(ranked, { maxLength: 16, size: "max" }), reference, (list, at) => {
      const quotes = bookOf(list);
      const clearing = clear(quotes, priced(at));
      assert.deepEqual(verifyClearing(quotes, clearing), { ok: true });
      const plain = clear(bookOf(list.map(({ rank: _, ...one }) => one)), priced(at));
      const { rationed: __, ...sums } = clearing.certificate;
      const { rationed: ___, ...plainSums } = plain.certificate;
      assert.deepEqual([sums, clearing.price], [plainSums, plain.price]);
      const all = quotes.map((quote, i) => {
        const { accepted = 0, netted = 0 } = clearing.fills[i] ?? {};
        return { ...quote, cleared: accepted + netted };
      });
      for (const one of all) {
        for (const other of all) {
          const { side: same, limit, rank = 0 } = other;
          if (one.side !== same || one.limit !== limit || (one.rank ?? 0) <= rank) continue;
          assert.ok(other.cleared === 0 || one.cleared === one.quantity);
        }
      }
    }),
    { numRuns: 300 },
  );
});

/** What a quote's owner has of the clearing, by what the energy is worth to it. */
function gainOf(list: readonly Wish[], told: Wish, truth: Wish, at: number | undefined): number {
  const { price = 0, fills } = clear(bookOf([...list, told]), priced(at));
  const margin = truth.side === "ask" ? price - truth.limit * 1000 : truth.limit * 1000 - price;
  return margin * (fills.at(-1)?.accepted ?? 0);
}

const lie = fc.record({
  limit: fc.integer({ min: -6, max: 10 }),
  quantity: fc.integer({ min: 1, max: 9 }),
});

test("with one Wh, no misreport gains more than the width of the interval", () => {
  fc.assert(
    fc.property(book, wish, lie, reference, (list, own, { limit }, at) => {
      const truth = { ...own, quantity: 1 };
      const { lo, hi } = clear(bookOf([...list, truth]), priced(at)).certificate;
      const gain = gainOf(list, { ...truth, limit }, truth, at) - gainOf(list, truth, truth, at);
      const width = lo === undefined || hi === undefined ? 0 : hi - lo;
      assert.ok(gain <= width, `gained ${gain}, the interval is ${width} wide`);
    }),
    { numRuns: 1000 },
  );
});

test("who misreports the price of one quote that trades whole all the same gains at most the interval on all it sells or buys", () => {
  const others = fc.array(wish, { maxLength: 12, size: "max" });
  const own = fc.array(
    fc.record({ quantity: fc.integer({ min: 1, max: 9 }), limit: fc.integer({ min: -4, max: 8 }) }),
    { minLength: 1, maxLength: 3 },
  );
  let [traded, gained] = [0, 0];
  fc.assert(
    fc.property(others, own, side, lie, reference, (list, parts, which, { limit }, at) => {
      const mine = parts.map((part): Wish => ({ ...part, side: which, party: "me" }));
      const told = mine.map((part, i) => (i === 0 ? { ...part, limit } : part));
      const outcome = (own: readonly Wish[]) => {
        const { fills, price = 0, certificate } = clear(bookOf([...own, ...list]), priced(at));
        const accepted = own.map((_, i) => fills[i]?.accepted ?? 0);
        const total = accepted.reduce<number>((sum, energy) => sum + energy, 0);
        const margin = mine.reduce((sum, { limit: worth }, i) => {
          const each = which === "ask" ? price - worth * 1000 : worth * 1000 - price;
          return sum + each * (accepted[i] ?? 0);
        }, 0);
        return { certificate, accepted, total, margin };
      };
      const [honest, lying] = [outcome(mine), outcome(told)];
      const whole = mine[0]?.quantity;
      if (honest.accepted[0] !== whole || lying.accepted[0] !== whole) return;
      const { lo = 0, hi = 0 } = honest.certificate;
      const gain = lying.margin - honest.margin;
      assert.ok(
        gain <= (hi - lo) * honest.total,
        `gained ${gain} on ${honest.total} Wh, the interval is ${hi - lo} wide`,
      );
      traded += 1;
      if (gain > 0) gained += 1;
    }),
    { numRuns: 3000 },
  );
  assert.ok(traded > 300 && gained > 2, `${traded} traded whole, ${gained} gained`);
});

test("no lie of a party gains more than what it trades by it times the way to where the price is without it", () => {
  const quote = fc.record({
    quantity: fc.integer({ min: 1, max: 9 }),
    limit: fc.integer({ min: -4, max: 8 }),
  });
  const own = fc.array(fc.tuple(quote, lie), { minLength: 1, maxLength: 3 });
  const others = fc.array(wish, { maxLength: 12, size: "max" });
  let gained = 0;
  fc.assert(
    fc.property(others, own, side, reference, (list, parts, which, at) => {
      const mine = parts.map(([truth]): Wish => ({ ...truth, side: which, party: "me" }));
      const told = parts.map(([truth, { limit, quantity }]): Wish => {
        const least = Math.min(quantity, truth.quantity);
        return { side: which, party: "me", limit, quantity: least };
      });
      const outcome = (own: readonly Wish[]) => {
        const { fills, price } = clear(bookOf([...own, ...list]), priced(at));
        const margin = mine.reduce((sum, { limit: worth }, i) => {
          const each = (price ?? 0) - worth * 1000;
          return sum + (which === "ask" ? each : -each) * (fills[i]?.accepted ?? 0);
        }, 0);
        const energy = own.reduce<number>((sum, _, i) => sum + (fills[i]?.accepted ?? 0), 0);
        return { price, margin, energy };
      };
      const [honest, lying] = [outcome(mine), outcome(told)];
      const gain = lying.margin - honest.margin;
      const { lo, hi } = clear(bookOf(list), priced(at)).certificate;
      const limits = (of: Wish["side"]) =>
        list.flatMap((entry) => (entry.side === of ? [entry.limit * 1000] : []));
      const farthest =
        which === "ask" ? (hi ?? Math.max(...limits("bid"))) : (lo ?? Math.min(...limits("ask")));
      const way = honest.price === undefined ? 0 : Math.abs(farthest - honest.price);
      assert.ok(
        gain <= (lying.energy === 0 ? 0 : way * lying.energy),
        `gained ${gain} by ${JSON.stringify(told)}`,
      );
      if (gain > 0) gained += 1;
    }),
    { numRuns: 2000 },
  );
  assert.ok(gained > 50, `${gained} gained`);
});

test("of a quote that trades in part the interval is no bound: by its quantity or by its price alone", () => {
  const others: Wish[] = [
    { side: "ask", quantity: 1, limit: 2 },
    { side: "bid", quantity: 2, limit: 8 },
  ];
  const truth: Wish = { side: "ask", quantity: 2, limit: 1 };
  const { lo, hi } = clear(bookOf([...others, truth]), priced(9)).certificate;
  assert.deepEqual([lo, hi], [1000, 2000]);
  const gain =
    gainOf(others, { ...truth, quantity: 1 }, truth, 9) - gainOf(others, truth, truth, 9);
  assert.equal(gain, 7000 - 2000, "more than the interval's 1000 for each of its 2 Wh");
  const dearer = gainOf(others, { ...truth, limit: 8 }, truth, 9) - gainOf(others, truth, truth, 9);
  assert.equal(dearer, 7000 - 2000, "a price that lets it sell half does the same");
});

test("the way to where the price is without it is reached: no smaller bound holds", () => {
  const others: Wish[] = [{ side: "bid", quantity: 3, limit: 8 }];
  const truth: Wish = { side: "ask", quantity: 4, limit: 1 };
  const { price, certificate } = clear(bookOf([...others, truth]));
  assert.deepEqual([price, certificate.lo, certificate.hi], [1000, 1000, 1000]);
  const gain =
    gainOf(others, { ...truth, limit: 8 }, truth, undefined) -
    gainOf(others, truth, truth, undefined);
  assert.equal(
    gain,
    (8000 - 1000) * 3,
    "3 Wh at the only bid's limit, and the interval has no width",
  );
});
