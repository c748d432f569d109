import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { bargain } from "./bargaining.ts";
import { type Channel, channels, type PriceRules, type Role } from "./channels.ts";
import { divide, poolsOf, priceAtShare, provenGap } from "./division.ts";
import { type GateGame, gateGame, merged, type Player, playersMax } from "./players.ts";
import { allocateQuantities } from "./quantities.ts";

const price = microPerKwh;
const rules: PriceRules = {
  bands: { company: [price(500_000), price(700_000)], bureau: [price(400_000), price(600_000)] },
  weights: { company: 3, bureau: 3, user: 1 },
  subsidyPermille: 50,
};
const kwh = fc.integer({ min: 1, max: 900 });
const weight = fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined });
const some = (role: Role, sign: 1 | -1, most: number) =>
  fc.array(fc.record({ kwh, weight }), { minLength: 1, maxLength: most }).map((all) =>
    all.map(({ kwh: energy, weight: own }, i): Player => {
      const about = { id: `${role}-${sign > 0 ? "up" : "down"}-${i}`, role, kwh: sign * energy };
      return own === undefined ? about : { ...about, weight: own };
    }),
  );
const gates = fc
  .tuple(some("company", 1, 6), some("company", -1, 3), some("bureau", 1, 3), some("user", -1, 6))
  .map((sides) => sides.flat());

/** What a channel's sellers get of its pools together, as a price: unique, whatever the ring of trades. */
function priceOf(channel: Channel, game: GateGame, shares: Float64Array): number | undefined {
  const pools = poolsOf(game);
  let [pool, part] = [0, 0];
  game.trades.forEach((trade, e) => {
    if (trade.channel !== channel) return;
    pool += pools[e] ?? 0;
    part += (pools[e] ?? 0) * (shares[e] ?? 0);
  });
  const trade = game.trades.find((one) => one.channel === channel);
  return trade === undefined ? undefined : priceAtShare(trade, part / pool);
}

test("one of each is the paper's game: the division finds the closed form's prices", () => {
  fc.assert(
    fc.property(fc.nat(1_600), fc.nat(450), fc.nat(900), (generation, own, load) => {
      const quantities = allocateQuantities({
        generationWh: wh(generation * 1000),
        ownLoadWh: wh(own * 1000),
        usersLoadWh: wh(load * 1000),
      });
      const exact = bargain(quantities, rules);
      const game = gateGame(
        [
          { id: "g", role: "company", kwh: generation - own },
          { id: "c", role: "bureau", kwh: 1 },
          { id: "u", role: "user", kwh: -load },
        ],
        rules,
      );
      const { shares } = divide(game);
      for (const channel of channels) {
        const [one, two] = [exact[channel], priceOf(channel, game, shares)];
        assert.equal(one === undefined, two === undefined, channel);
        // The ledger's unit. A gap of 1e-12 lets a price that ends at its band's edge be 1.3e-7 off.
        assert.ok(Math.abs((one ?? 0) - (two ?? 0)) < 1e-6, `${channel}: ${one} and ${two}`);
      }
    }),
  );
});

test("parties that no price can tell apart may be merged: no channel's price changes", () => {
  fc.assert(
    fc.property(gates, (players) => {
      const [all, few] = [gateGame(players, rules), gateGame(merged(players), rules)];
      const [one, two] = [divide(all), divide(few)];
      assert.ok(few.weights.length <= all.weights.length);
      for (const channel of channels) {
        const [a, b] = [priceOf(channel, all, one.shares), priceOf(channel, few, two.shares)];
        assert.ok(Math.abs((a ?? 0) - (b ?? 0)) < 1e-6, `${channel}: ${a} and ${b}`);
      }
    }),
    { numRuns: 60 },
  );
});

test("what is traded is what the players have and need, by role", () => {
  fc.assert(
    fc.property(gates, (players) => {
      const game = gateGame(players, rules);
      players.forEach(({ role, kwh: energy }, at) => {
        if (role === "bureau") return;
        const own = game.trades.filter(({ seller, buyer }) => seller === at || buyer === at);
        const traded = own.reduce((sum, trade) => sum + trade.kwh, 0);
        assert.ok(Math.abs(traded - Math.abs(energy)) < 1e-6);
        for (const { channel, seller, buyer } of own) {
          assert.equal(energy > 0 ? seller : buyer, at);
          assert.equal(channel[energy > 0 ? 0 : 1], role === "user" ? "u" : "g");
        }
      });
    }),
  );
});

test("the proven gap is one: no shares whatever divide better than it allows", () => {
  const share = fc.double({ min: 0.001, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(gates, fc.array(share, { minLength: 200, maxLength: 200 }), (players, draws) => {
      const game = gateGame(players, rules);
      const best = divide(game);
      assert.ok(best.gap <= 1e-9, `gap ${best.gap}`);
      const shares = Float64Array.from(game.trades, (_, e) => draws[e % draws.length] ?? 0.5);
      const short = 1 - meanGain(game, shares) / meanGain(game, best.shares);
      assert.ok(short >= -1e-9, "nothing is better than the best");
      assert.ok(short <= provenGap(game, shares) + 1e-9, "and the bound holds");
    }),
    { numRuns: 60 },
  );
});

test("the proven gap of two is what its formula says, by hand", () => {
  const game = gateGame(
    [
      { id: "c", role: "bureau", kwh: 10, weight: 3 },
      { id: "u", role: "user", kwh: -10, weight: 1 },
    ],
    rules,
  );
  // Slopes 3/g and −1/(1 − g) of 3 ln g + ln(1 − g), times the way to the far end, over 3 + 1.
  const byHand = (g: number) => {
    const slope = 3 / g - 1 / (1 - g);
    return (slope > 0 ? slope * (1 - g) : -slope * g) / 4;
  };
  for (const share of [0.1, 0.5, 0.75, 0.9]) {
    const gap = provenGap(game, Float64Array.of(share));
    assert.ok(Math.abs(gap - byHand(share)) < 1e-9, `${share}: ${gap}, by hand ${byHand(share)}`);
  }
});

test("shares at which somebody has nothing prove nothing", () => {
  const game = gateGame(
    [
      { id: "c", role: "bureau", kwh: 1 },
      { id: "u", role: "user", kwh: -5 },
    ],
    rules,
  );
  assert.equal(provenGap(game, Float64Array.of(1)), Number.POSITIVE_INFINITY);
});

test("an own band holds the seller's price, and a buyer's own band narrows it where they overlap", () => {
  const own = [price(550_000), price(560_000)] as const;
  const seller: Player = { id: "g", role: "company", kwh: 10, band: own };
  const [trade] = gateGame([seller, { id: "u", role: "user", kwh: -10 }], rules).trades;
  assert.deepEqual([trade?.low, trade?.high], [0.55, 0.56]);
  const user = (low: number, high: number): Player => {
    return { id: "u", role: "user", kwh: -10, band: [price(low), price(high)] };
  };
  const company: Player = { id: "g", role: "company", kwh: 10 };
  const [narrow] = gateGame([company, user(400_000, 600_000)], rules).trades;
  assert.deepEqual([narrow?.low, narrow?.high], [0.5, 0.6]);
  const [apart] = gateGame([company, user(100_000, 200_000)], rules).trades;
  assert.deepEqual([apart?.low, apart?.high], [0.5, 0.7], "a seller need not follow");
});

test("players that make no sense are refused in words", () => {
  const bad = (changes: object, message: RegExp) =>
    assert.throws(() => {
      const player = { id: "g", role: "company", kwh: 1, ...changes } as Player;
      gateGame([player, { id: "u", role: "user", kwh: -1 }], rules);
    }, message);
  bad({ id: "u" }, /player u: expected unique ids/);
  bad({ kwh: Number.NaN }, /player g: expected energy in kWh, got NaN/);
  bad({ role: "bureau", kwh: -1 }, /got -1 of a bureau/);
  bad({ weight: 0 }, /weight of g: expected an integer in 1 … 100/);
  bad({ band: [5, 5] }, /band of g: expected low < high/);
  bad({ kwh: -1 }, /channel cg: expected a party that sells 1 kWh, got none/);
  bad({ kwh: 2 }, /channel gc: expected a party that buys 1 kWh, got none/);
  const many = Array.from({ length: playersMax + 1 }, (_, i): Player => {
    return { id: `u${i}`, role: "user", kwh: -1 };
  });
  assert.throws(() => gateGame(many, rules), /expected at most 50 at a gate, got 51/);
});

/** The weighted geometric mean of the gains, from the trades alone. */
function meanGain({ weights, trades }: GateGame, shares: Float64Array): number {
  const gains = weights.map(() => 0);
  trades.forEach(({ seller, buyer, kwh: energy, low, high, subsidy }, e) => {
    const f = (p: number) => p - subsidy * p * p;
    const pool = energy * (f(high) - f(low));
    gains[seller] = (gains[seller] ?? 0) + pool * (shares[e] ?? 0);
    gains[buyer] = (gains[buyer] ?? 0) + pool * (1 - (shares[e] ?? 0));
  });
  let [sum, all] = [0, 0];
  gains.forEach((gain, i) => {
    if (!trades.some(({ seller, buyer }) => seller === i || buyer === i)) return;
    sum += (weights[i] ?? 0) * Math.log(gain);
    all += weights[i] ?? 0;
  });
  return all === 0 ? 1 : Math.exp(sum / all);
}
