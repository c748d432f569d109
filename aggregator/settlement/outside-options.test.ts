/**
 * A search for profit out of nothing: trading with the bureau what no meter will show, and showing what
 * was not traded, at any tariff that a genesis may have, below 0 too.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type MicroPerKwh, microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { whyNotParameters } from "../ledger/genesis.ts";
import { testGenesis } from "../ledger/test-site.ts";
import { residualSales } from "../market/clearing/residual.ts";
import type { Sale } from "./position.ts";
import { type Movement, settleImbalance, settleSale } from "./settle.ts";

const bureau = "c";
const usual = testGenesis().parameters;
const amount = fc.integer({ min: -1_000_000, max: 1_000_000 });
const anyPrice = amount.map(microPerKwh);
const terms = fc
  .record({
    feedIn: anyPrice,
    retail: anyPrice,
    imbalancePermille: fc.oneof(fc.nat(60), fc.nat(1000)),
    subsidyPermille: fc.oneof(fc.nat(60), fc.nat(400)),
  })
  .map((own) => ({ ...usual, ...own }))
  .filter((own) => whyNotParameters(own) === undefined);
type Terms = typeof usual;
const reference = fc.option(anyPrice, { nil: undefined });
const prices = fc.record({ cg: reference, cu: reference, gc: reference, gu: reference });
type Prices = { readonly [C in "cg" | "cu" | "gc" | "gu"]: MicroPerKwh | undefined };
/** Positive is given to the feeder, or sold. */
const energy = fc.integer({ min: -20_000, max: 20_000 });

/** What a party that sold so much (below 0: bought) to the bureau has of it, its meter showing that much. */
function moneyOf(
  soldWh: number,
  shownWh: number,
  { own, at, limit }: { own: Terms; at: Prices; limit: MicroPerKwh },
): number {
  const side = soldWh > 0 ? "ask" : "bid";
  const quantity = wh(Math.abs(soldWh));
  const rest = { id: "q", party: "p", role: "user", side, quantity, limit } as const;
  const sales = residualSales([rest], { bureau, prices: at, tariff: own }).map(
    ({ quote, quantity: traded, ...sale }): Sale => ({ contract: quote, energy: traded, ...sale }),
  );
  return settled(sales, shownWh, own);
}

function settled(sales: readonly Sale[], shownWh: number, own: Terms): number {
  const metered = { importWh: wh(Math.max(0, -shownWh)), exportWh: wh(Math.max(0, shownWh)) };
  const settlement = { bureau, terms: own };
  const imbalance = settleImbalance({ owner: "p", metered }, sales, settlement);
  const movements = sales.flatMap((sale): Movement[] => settleSale(sale, settlement));
  return [...movements, ...(imbalance === undefined ? [] : [imbalance])].reduce(
    (sum, { seller, buyer, money }) =>
      sum + (seller === "p" ? money : 0) - (buyer === "p" ? money : 0),
    0,
  );
}

/** Each movement is rounded to one millionth. */
const rounding = 3;

test("trading with the bureau what no meter shows earns nothing, nor does one hand with the other", () => {
  fc.assert(
    fc.property(terms, prices, energy, anyPrice, (own, at, soldWh, limit) => {
      const alone = moneyOf(soldWh, 0, { own, at, limit });
      assert.ok(alone <= rounding, `${alone} for ${soldWh} Wh that never flowed`);
      // Two parties that know each other: what one buys the other sells.
      const there = moneyOf(soldWh, soldWh, { own, at, limit });
      const back = moneyOf(-soldWh, -soldWh, { own, at, limit });
      assert.ok(there + back <= rounding, `${there + back} for ${soldWh} Wh there and back`);
    }),
    { numRuns: 2000 },
  );
});

test("who means to differ from its meter has no more than who trades what flows", () => {
  fc.assert(
    fc.property(terms, prices, energy, energy, (own, at, soldWh, shownWh) => {
      // A limit that the bureau's price suits whatever it is: all of it is traded.
      const limit = microPerKwh(-1_000_000);
      const need = microPerKwh(0);
      const of = (sold: number) =>
        moneyOf(sold, shownWh, { own, at, limit: sold > 0 ? limit : need });
      const [honest, other] = [of(shownWh), of(soldWh)];
      assert.ok(other <= honest + rounding, `${other} with ${soldWh} of ${shownWh} Wh: ${honest}`);
    }),
    { numRuns: 2000 },
  );
});

test("what the book sold inside the tariff, and no meter shows, earns nothing, subsidy and all", () => {
  fc.assert(
    fc.property(terms, fc.nat(1000), fc.nat(20_000), (own, permille, sold) => {
      const { feedIn, retail } = own;
      const price = microPerKwh(feedIn + Math.round(((retail - feedIn) * permille) / 1000));
      const sale = { contract: "k", energy: wh(sold), price };
      const bought = settled([{ ...sale, seller: bureau, buyer: "p" }], 0, own);
      assert.ok(bought <= rounding, `${bought} for handing back what was bought at ${price}`);
      const given = settled([{ ...sale, seller: "p", buyer: "u" }], 0, own);
      assert.ok(given <= rounding, `${given} for not delivering what was sold at ${price}`);
    }),
    { numRuns: 2000 },
  );
});
