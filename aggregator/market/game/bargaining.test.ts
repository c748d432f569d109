import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { bargain, publishedPrices } from "./bargaining.ts";
import { type Channel, channels, type PriceRules, type Quantities, type Role } from "./channels.ts";
import { netIncomesFloat } from "./equations.ts";
import { bandOf, roles, tradedChannels } from "./game.ts";
import { allocateQuantities } from "./quantities.ts";

const price = microPerKwh;
const rules: PriceRules = {
  bands: {
    company: [price(500_000), price(700_000)],
    bureau: [price(400_000), price(600_000)],
  },
  weights: { company: 3, bureau: 3, user: 1 },
  subsidyPermille: 50,
};
const equal: PriceRules = { ...rules, weights: { company: 1, bureau: 1, user: 1 } };
const noon: Quantities = { cg: wh(0), cu: wh(409_000), gc: wh(0), gu: wh(324_000) };

type PriceOf = Record<Channel, number>;

/**
 * The weighted Nash objective by the equations alone: net incomes above each party's worst corner of
 * the price box, in logarithms. It knows nothing of pools, hubs or closed forms.
 */
function objective(quantities: Quantities, { weights, subsidyPermille, ...rest }: PriceRules) {
  const kwh = {
    cg: quantities.cg / 1000,
    cu: quantities.cu / 1000,
    gc: quantities.gc / 1000,
    gu: quantities.gu / 1000,
  };
  const income = (prices: PriceOf) => netIncomesFloat(kwh, prices, subsidyPermille / 1000);
  const all = corners({ weights, subsidyPermille, ...rest }).map(income);
  const worst = (role: Role) => Math.min(...all.map((net) => net[role]));
  const best = (role: Role) => Math.max(...all.map((net) => net[role]));
  const playing = roles.filter((role) => best(role) > worst(role));
  const floor = { company: worst("company"), bureau: worst("bureau"), user: worst("user") };
  return (prices: PriceOf): number => {
    const net = income(prices);
    return playing.reduce(
      (sum, role) => sum + weights[role] * Math.log(net[role] - floor[role]),
      0,
    );
  };
}

function corners(some: PriceRules): PriceOf[] {
  return Array.from({ length: 16 }, (_, bits) => {
    const at = (channel: Channel, bit: number) => {
      const { low, high } = bandOf(channel, some);
      return (bits >> bit) & 1 ? high : low;
    };
    return { cg: at("cg", 0), cu: at("cu", 1), gc: at("gc", 2), gu: at("gu", 3) };
  });
}

/** The maximum of a function with one peak, by golden section. */
function peak(low: number, high: number, value: (x: number) => number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [low, high];
  for (let step = 0; step < 45; step += 1) {
    const [left, right] = [b - ratio * (b - a), a + ratio * (b - a)];
    if (value(left) >= value(right)) b = right;
    else a = left;
  }
  return (a + b) / 2;
}

/** The numeric optimum over the traded prices (at most two): a search within a search. */
function numericOptimum(quantities: Quantities, some: PriceRules): PriceOf {
  const value = objective(quantities, some);
  const [first, second] = tradedChannels(quantities);
  const start: PriceOf = { cg: 0.5, cu: 0.5, gc: 0.6, gu: 0.6 };
  if (first === undefined) return start;
  const alongSecond = (x: number): PriceOf => {
    const here = { ...start, [first]: x };
    if (second === undefined) return here;
    const { low, high } = bandOf(second, some);
    return { ...here, [second]: peak(low, high, (y) => value({ ...here, [second]: y })) };
  };
  const { low, high } = bandOf(first, some);
  return alongSecond(peak(low, high, (x) => value(alongSecond(x))));
}

const load = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2_000_000 })).map(wh);
const quantities = fc
  .record({ generationWh: load, ownLoadWh: load, usersLoadWh: load })
  .map(allocateQuantities);
const weight = fc.integer({ min: 1, max: 9 });
const anyRules = fc
  .record({
    weights: fc.record({ company: weight, bureau: weight, user: weight }),
    // Bands above, around and below 0.
    shift: fc.constantFrom(0, -450_000, -600_000, -1_000_000),
  })
  .map(({ weights, shift }): PriceRules => {
    const { company, bureau } = rules.bands;
    const moved = ([low, high]: readonly [number, number]) =>
      [price(low + shift), price(high + shift)] as const;
    return { ...rules, weights, bands: { company: moved(company), bureau: moved(bureau) } };
  });

test("the closed form is the optimum that a numeric search over eq. 1–8 finds", () => {
  fc.assert(
    fc.property(quantities, anyRules, (slot, some) => {
      const exact = bargain(slot, some);
      const found = numericOptimum(slot, some);
      for (const channel of tradedChannels(slot)) {
        const difference = Math.abs((exact[channel] ?? Number.NaN) - found[channel]);
        assert.ok(difference < 2e-6, `${channel}: ${exact[channel]} and ${found[channel]}`);
      }
    }),
    { numRuns: 150 },
  );
});

test("the paper's noon at 3:3:1 lies 0.0014 from its published pair, at 1:1:1 far from it", () => {
  const near = (value: number | undefined, expected: number) =>
    assert.ok(Math.abs((value ?? 0) - expected) < 5e-5, `${value} is not ${expected}`);
  const chosen = bargain(noon, rules);
  near(chosen.cu, 0.5568);
  near(chosen.gu, 0.6885);
  const [cu, gu] = [(chosen.cu ?? 0) - 0.555435, (chosen.gu ?? 0) - 0.687799];
  assert.ok(Math.max(Math.abs(cu), Math.abs(gu)) < 0.0015);
  const plain = bargain(noon, equal);
  near(plain.cu, 0.5218);
  near(plain.gu, 0.6466);
});

test("a price is reported exactly where energy flows, and inside its band", () => {
  fc.assert(
    fc.property(quantities, anyRules, (slot, some) => {
      const prices = publishedPrices(bargain(slot, some), some);
      for (const channel of channels) {
        const published = prices[channel];
        assert.equal(published !== undefined, slot[channel] > 0, channel);
        if (published === undefined) continue;
        const band = channel.startsWith("g") ? some.bands.company : some.bands.bureau;
        assert.ok(published >= band[0] && published <= band[1]);
      }
    }),
  );
});

test("twice the energy everywhere changes no price", () => {
  fc.assert(
    fc.property(quantities, anyRules, (slot, some) => {
      const twice = {
        cg: wh(2 * slot.cg),
        cu: wh(2 * slot.cu),
        gc: wh(2 * slot.gc),
        gu: wh(2 * slot.gu),
      };
      const published = (energy: Quantities) => publishedPrices(bargain(energy, some), some);
      assert.deepEqual(published(twice), published(slot));
    }),
  );
});

test("quantities that no allocation makes, and rules that make no sense, are refused", () => {
  assert.throws(() => bargain({ ...noon, cg: wh(1) }, rules), /no role stands between/);
  const bad = (change: Partial<PriceRules>) => () => bargain(noon, { ...rules, ...change });
  assert.throws(bad({ weights: { company: 0, bureau: 1, user: 1 } }), /weight of company/);
  assert.throws(bad({ subsidyPermille: 0.5 }), /subsidyPermille/);
  const company = rules.bands.company;
  assert.throws(bad({ bands: { company, bureau: [price(5), price(5)] } }), /band of bureau/);
  const yen = { company, bureau: [price(9_000_000), price(10_000_000)] } as const;
  assert.throws(bad({ bands: yen }), /larger unit of currency/);
});
