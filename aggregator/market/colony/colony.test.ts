import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import { type Linear, maximise } from "../convex-solver.ts";
import { bargain, publishedPrices } from "../game/bargaining.ts";
import { channels, type PriceRules, type Quantities } from "../game/channels.ts";
import { divide, gainsOf, poolsOf, priceAtShare, provenGap } from "../game/division.ts";
import { type Game, paperGame, tradedChannels } from "../game/game.ts";
import { gateGame, type Player } from "../game/players.ts";
import { allocateQuantities } from "../game/quantities.ts";
import { paperColony, searchShares } from "./colony.ts";
import { randomFrom } from "./random.ts";
import { referencePrices } from "./reference.ts";

const price = microPerKwh;
const rules: PriceRules = {
  bands: {
    company: [price(500_000), price(700_000)],
    bureau: [price(400_000), price(600_000)],
  },
  weights: { company: 3, bureau: 3, user: 1 },
  subsidyPermille: 50,
};
const noon: Quantities = { cg: wh(0), cu: wh(409_000), gc: wh(0), gu: wh(324_000) };

function seedOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** Any hour of a place like the paper's: up to 1 600 kW generated, 450 kW own load, 900 kW of users. */
function situations(count: number): Quantities[] {
  const draws = new Float64Array(3 * count);
  randomFrom(seedOf("situations")).fillSymmetric(draws);
  const upTo = (most: number, at: number) => wh(Math.floor((((draws[at] ?? 0) + 1) / 2) * most));
  return Array.from({ length: count }, (_, i) =>
    allocateQuantities({
      generationWh: upTo(1_600_000, 3 * i),
      ownLoadWh: upTo(450_000, 3 * i + 1),
      usersLoadWh: upTo(900_000, 3 * i + 2),
    }),
  );
}

/** Prices in currency/kWh that the colony finds, in the order of the game's trades. */
function searchPrices(game: Game, seed: Uint8Array): number[] {
  const { shares } = searchShares(game, seed);
  return game.trades.map((trade, e) => priceAtShare(trade, shares[e] ?? Number.NaN));
}

function errorsAgainstExact(hours: readonly Quantities[], some: PriceRules): number[] {
  return hours.flatMap((quantities, i) => {
    const exact = bargain(quantities, some);
    const prices = searchPrices(paperGame(quantities, some), seedOf(`block ${i}`));
    return tradedChannels(quantities).map((channel, at) =>
      Math.abs((prices[at] ?? Number.NaN) - (exact[channel] ?? Number.NaN)),
    );
  });
}

test("the colony finds the exact prices with 1 000 seeds: within 0.001, half within 0.0002", () => {
  const errors = errorsAgainstExact(situations(1000), rules).sort((a, b) => a - b);
  assert.ok(errors.length > 1500);
  assert.ok((errors.at(-1) ?? 1) <= 0.001, `worst ${errors.at(-1)}`);
  assert.ok((errors[errors.length >> 1] ?? 1) <= 0.0002, `median ${errors[errors.length >> 1]}`);
});

test("it finds them for other weights and for a lopsided hour too", () => {
  const lopsided: Quantities[] = [
    { cg: wh(1), cu: wh(900_000), gc: wh(0), gu: wh(0) },
    { cg: wh(0), cu: wh(1), gc: wh(0), gu: wh(900_000) },
    { cg: wh(0), cu: wh(0), gc: wh(900_000), gu: wh(1) },
    { cg: wh(0), cu: wh(0), gc: wh(7), gu: wh(0) },
  ];
  const hours = [...lopsided, ...situations(20)];
  for (const [company, bureau, user] of [
    [1, 1, 1],
    [9, 1, 2],
    [1, 20, 5],
    [100, 1, 37],
    [100, 100, 1],
    [1, 1, 100],
    [100, 1, 1],
  ] as const) {
    const errors = errorsAgainstExact(hours, { ...rules, weights: { company, bureau, user } });
    assert.ok(Math.max(...errors) <= 0.001, `${company}:${bureau}:${user} ${Math.max(...errors)}`);
  }
});

test("with 100 seeds an hour's published prices are the exact ones to the last digit", () => {
  const exact = publishedPrices(bargain(noon, rules), rules);
  for (let i = 0; i < 100; i += 1) {
    assert.deepEqual(referencePrices(noon, rules, seedOf(`seed ${i}`)).prices, exact);
  }
});

test("the same seed gives the same bits on every machine", () => {
  const { prices, convergence } = referencePrices(noon, rules, seedOf("vector"));
  const bits = createHash("sha256");
  for (const history of [convergence.gap, convergence.evaporation, convergence.pheromone]) {
    const bytes = new DataView(new ArrayBuffer(8 * history.length));
    history.forEach((value, i) => {
      bytes.setFloat64(8 * i, value);
    });
    bits.update(bytes);
  }
  assert.deepEqual(prices, { cg: undefined, cu: 556_832, gc: undefined, gu: 688_505 });
  assert.equal(
    bits.digest("hex"),
    "192a297a92bf23c8e6608828588aadd23b7a9d3ae75113e421c83945235aff8b",
  );
});

test("another seed is another search, with the same prices to a hundred-thousandth", () => {
  const game = paperGame(noon, rules);
  const [one, two] = [searchShares(game, seedOf("one")), searchShares(game, seedOf("two"))];
  assert.notDeepEqual(one.convergence.gap, two.convergence.gap);
  one.shares.forEach((found, i) => {
    assert.ok(Math.abs(found - (two.shares[i] ?? 0)) < 1e-5);
  });
});

test("the best never gets worse, and ρ follows eq. 14 from 1 down to its minimum", () => {
  const { gap, evaporation } = searchShares(paperGame(noon, rules), seedOf("rho"), {
    ...paperColony,
    gapEnough: -1,
  }).convergence;
  assert.equal(gap.length, 200);
  for (let i = 1; i < gap.length; i += 1) {
    const [before = 0, now = 0, rho = 0] = [gap[i - 1], gap[i], evaporation[i - 1]];
    assert.ok(now <= before && now >= 0);
    assert.equal(evaporation[i], now < before ? rho : Math.max(0.8 * rho, 0.1));
  }
  assert.equal(evaporation.at(-1), paperColony.evaporationMin);
});

test("the search ends where nothing better is left, and at its last iteration at the latest", () => {
  const run = (gapEnough: number) =>
    searchShares(paperGame(noon, rules), seedOf("end"), { ...paperColony, gapEnough }).convergence;
  const { gap } = run(1e-12);
  assert.ok(gap.length < 200 && (gap.at(-1) ?? 1) <= 1e-12 && (gap.at(-2) ?? 0) > 1e-12);
  assert.deepEqual(run(-1).gap.slice(0, gap.length), gap);
});

test("a channel without energy is not traded, and an hour without energy has no price", () => {
  for (const quantities of situations(50)) {
    const { prices } = referencePrices(quantities, rules, seedOf("any"));
    for (const channel of channels) {
      assert.equal(prices[channel] !== undefined, quantities[channel] > 0);
    }
  }
  const still = { cg: wh(0), cu: wh(0), gc: wh(0), gu: wh(0) };
  const nobody = { cg: undefined, cu: undefined, gc: undefined, gu: undefined };
  assert.deepEqual(referencePrices(still, rules, seedOf("still")).prices, nobody);
});

/** N companies with a surplus, then some short, M bureaus and K users, with bands and weights of their own. */
function gate(companies: number, bureaus: number, users: number, seed: string): Game {
  const draws = new Float64Array(4 * (companies + bureaus + users));
  randomFrom(seedOf(seed)).fillSymmetric(draws);
  let next = 0;
  const upTo = (most: number) => Math.floor((((draws[next++] ?? 0) + 1) / 2) * most);
  const player = (role: Player["role"], i: number, kwh: number): Player => {
    const about = { id: `${role}-${i}`, role, kwh, weight: 1 + upTo(9) };
    const low = 300_000 + upTo(250_000);
    const band = [price(low), price(low + 20_000 + upTo(200_000))] as const;
    return role === "user" || i % 3 === 0 ? about : { ...about, band };
  };
  const all = <T>(count: number, make: (i: number) => T) =>
    Array.from({ length: count }, (_, i) => make(i));
  return gateGame(
    [
      ...all(companies, (i) => player("company", i, i % 4 === 3 ? -1 - upTo(200) : 1 + upTo(400))),
      ...all(bureaus, (i) => player("bureau", i, 1 + upTo(2000))),
      ...all(users, (i) => player("user", i, -1 - upTo(300))),
    ],
    rules,
  );
}

/** What an independent solver reaches at best: the weighted mean of the logarithms of the gains. */
function optimum(game: Game): number {
  const pools = poolsOf(game);
  const { trades, weights } = game;
  const money = (x: readonly number[]) => Float64Array.from(x);
  const slopes = (x: readonly number[], power: 1 | 2) => {
    const gains = gainsOf(game, pools, money(x));
    return weights.map((weight, i) => weight / (gains[i] ?? 0) ** power);
  };
  const below = trades.flatMap((_, e): Linear[] => [
    { terms: [[e, 1]], bound: pools[e] ?? 0 },
    { terms: [[e, -1]], bound: 0 },
  ]);
  const found = maximise(
    {
      value: (x) => logMean(game, money(x)) * total(game),
      gradient: (x) => {
        const pull = slopes(x, 1);
        return trades.map(({ seller, buyer }) => (pull[seller] ?? 0) - (pull[buyer] ?? 0));
      },
      hessian: (x) => {
        const curve = slopes(x, 2);
        const sign = (e: number, party: number) =>
          trades[e]?.seller === party ? 1 : trades[e]?.buyer === party ? -1 : 0;
        return trades.map(({ seller, buyer }, e) =>
          trades.map((_, other) => {
            const of = (party: number) =>
              -(curve[party] ?? 0) * sign(e, party) * sign(other, party);
            return of(seller) + of(buyer);
          }),
        );
      },
      below,
      equal: [],
      start: Array.from(pools, (pool) => pool / 2),
    },
    1e-7,
  );
  return logMean(game, money(found));
}

const total = ({ weights, trades }: Game) =>
  weights.reduce((sum, weight, i) => {
    return trades.some(({ seller, buyer }) => seller === i || buyer === i) ? sum + weight : sum;
  }, 0);

function logMean(game: Game, money: Float64Array): number {
  const gains = gainsOf(game, poolsOf(game), money);
  let sum = 0;
  game.weights.forEach((weight, i) => {
    if (game.trades.some(({ seller, buyer }) => seller === i || buyer === i)) {
      sum += weight * Math.log(gains[i] ?? 0);
    }
  });
  return sum / total(game);
}

test("several companies, bureaus and users: the colony is within 0.1 % of an independent solver", () => {
  for (const [companies, bureaus, users] of [
    [2, 1, 3],
    [4, 2, 4],
    [8, 2, 6],
    [1, 3, 5],
  ] as const) {
    const name = `${companies}, ${bureaus}, ${users}`;
    const game = gate(companies, bureaus, users, name);
    const best = optimum(game);
    const pools = poolsOf(game);
    const mean = (shares: Float64Array) =>
      logMean(
        game,
        pools.map((pool, e) => pool * (shares[e] ?? 0)),
      );
    const exact = divide(game);
    assert.ok(
      Math.abs(mean(exact.shares) - best) < 1e-6,
      `${name}: the exact division is the optimum`,
    );
    const { shares, convergence } = searchShares(game, seedOf(`block ${name}`));
    const short = 1 - Math.exp(mean(shares) - best);
    assert.ok(short < 0.001, `${name}: the colony is ${short} short`);
    assert.ok(short <= (convergence.gap.at(-1) ?? 0) + 1e-7, `${name}: and says so itself`);
  }
});

test("fifty parties on a feeder are searched to the same bound", () => {
  for (const [companies, bureaus, users] of [
    [24, 2, 24],
    [10, 10, 30],
  ] as const) {
    const game = gate(companies, bureaus, users, "fifty");
    const { shares } = searchShares(game, seedOf("block"));
    assert.ok(provenGap(game, shares) < 0.001, `${provenGap(game, shares)}`);
  }
});

test("a game that makes no sense is refused", () => {
  const trade = { seller: 0, buyer: 1, kwh: 1, low: 0.4, high: 0.6, subsidy: 0 };
  const search = (change: object, weights = [1, 1]) =>
    searchShares({ weights, trades: [{ ...trade, ...change }] }, seedOf("bad"));
  assert.throws(() => search({ kwh: 0 }), /expected energy and a band/);
  assert.throws(() => search({ kwh: Number.NaN }), /expected energy and a band/);
  assert.throws(() => search({ low: 0.6 }), /expected energy and a band/);
  assert.throws(() => search({ subsidy: 1 }), /prices below 1\/2κ/);
  assert.throws(() => search({ buyer: 2 }), /expected two of 2 parties/);
  assert.throws(() => search({ buyer: 0 }), /expected two of 2 parties/);
  assert.throws(() => search({}, [1, 0]), /a number above 0/);
  assert.throws(() => searchShares({ weights: [], trades: [] }, new Uint8Array(3)), /32 bytes/);
});
