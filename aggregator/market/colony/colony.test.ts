import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import { bargain } from "../game/bargaining.ts";
import { channels, type PriceRules, type Quantities } from "../game/channels.ts";
import { paperGame, tradedChannels } from "../game/game.ts";
import { allocateQuantities } from "../game/quantities.ts";
import { paperColony, searchPrices } from "./colony.ts";
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

function errorsAgainstExact(hours: readonly Quantities[], some: PriceRules): number[] {
  return hours.flatMap((quantities, i) => {
    const exact = bargain(quantities, some);
    const { prices } = searchPrices(paperGame(quantities, some), seedOf(`block ${i}`));
    return tradedChannels(quantities).map((channel, at) =>
      Math.abs((prices[at] ?? Number.NaN) - (exact[channel] ?? Number.NaN)),
    );
  });
}

test("the colony finds the exact prices: within 0.001, half of them within 0.0002", () => {
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
  ] as const) {
    const errors = errorsAgainstExact(hours, { ...rules, weights: { company, bureau, user } });
    assert.ok(Math.max(...errors) <= 0.001, `${company}:${bureau}:${user} ${Math.max(...errors)}`);
  }
});

test("the same seed gives the same bits on every machine", () => {
  const { prices, convergence } = referencePrices(noon, rules, seedOf("vector"));
  const bits = createHash("sha256");
  for (const history of [convergence.best, convergence.evaporation]) {
    const bytes = new DataView(new ArrayBuffer(8 * history.length));
    history.forEach((value, i) => {
      bytes.setFloat64(8 * i, value);
    });
    bits.update(bytes);
  }
  assert.deepEqual(prices, { cg: undefined, cu: 556_833, gc: undefined, gu: 688_505 });
  assert.equal(
    bits.digest("hex"),
    "338edf96c28cb8f69576bec466c7298e3fc75646d766542c1b23ce2d7a649e2d",
  );
});

test("another seed is another search, with the same prices to a hundred-thousandth", () => {
  const one = searchPrices(paperGame(noon, rules), seedOf("one"));
  const two = searchPrices(paperGame(noon, rules), seedOf("two"));
  assert.notDeepEqual(one.convergence.best, two.convergence.best);
  one.prices.forEach((found, i) => {
    assert.ok(Math.abs(found - (two.prices[i] ?? 0)) < 1e-5);
  });
});

test("the best never gets worse, and ρ follows eq. 14 from 1 down to its minimum", () => {
  const { best, evaporation } = searchPrices(paperGame(noon, rules), seedOf("rho")).convergence;
  assert.equal(best.length, 200);
  for (let i = 1; i < best.length; i += 1) {
    const [before = 0, now = 0, rho = 0] = [best[i - 1], best[i], evaporation[i - 1]];
    assert.ok(now >= before && now <= 1);
    assert.equal(evaporation[i], now > before ? rho : Math.max(0.8 * rho, 0.1));
  }
  assert.equal(evaporation.at(-1), paperColony.evaporationMin);
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

test("games of several companies, bureaus and users are searched inside their price boxes", () => {
  const sale = { low: 0.5, high: 0.7, subsidy: 0 };
  const supply = { low: 0.4, high: 0.6, subsidy: 0.05 };
  const trades = [
    { seller: 0, buyer: 3, kwh: 100, ...sale },
    { seller: 1, buyer: 4, kwh: 50, ...sale },
    { seller: 2, buyer: 3, kwh: 200, ...supply },
    { seller: 2, buyer: 4, kwh: 80, ...supply },
  ];
  const { prices, convergence } = searchPrices(
    { weights: [3, 3, 3, 1, 1], trades },
    seedOf("many"),
  );
  prices.forEach((found, i) => {
    assert.ok(found >= (trades[i]?.low ?? 1) && found <= (trades[i]?.high ?? 0));
  });
  assert.ok((convergence.best.at(-1) ?? 0) > 0);
});

test("a game that makes no sense is refused", () => {
  const trade = { seller: 0, buyer: 1, kwh: 1, low: 0.4, high: 0.6, subsidy: 0 };
  const search = (change: object, weights = [1, 1]) =>
    searchPrices({ weights, trades: [{ ...trade, ...change }] }, seedOf("bad"));
  assert.throws(() => search({ kwh: 0 }), /expected energy and a band/);
  assert.throws(() => search({ low: 0.6 }), /expected energy and a band/);
  assert.throws(() => search({ buyer: 2 }), /expected two of 2 parties/);
  assert.throws(() => search({ buyer: 0 }), /expected two of 2 parties/);
  assert.throws(() => search({}, [1, 101]), /integer in 1 … 100/);
  assert.throws(() => searchPrices({ weights: [], trades: [] }, new Uint8Array(3)), /32 bytes/);
});
