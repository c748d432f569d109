import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, utcMs, type Wh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { clear } from "../market/clearing/clearing.ts";
import { pairQuotes } from "../market/clearing/pairing.ts";
import type { Quote } from "../market/clearing/quotes.ts";
import { residualSales } from "../market/clearing/residual.ts";
import { type Metered, netSold, type Sale } from "./position.ts";
import type { SettlementTerms } from "./settle.ts";
import { imbalanceMoney, stateSlot, tradedMoney } from "./statement.ts";

/** Searches for somebody who gains by differing on purpose from what it contracted. */

const bureau = "bureau";
const [feedIn, retail] = [400_000, 700_000];

const terms = (growth: number): SettlementTerms => ({
  feedIn: microPerKwh(feedIn),
  retail: microPerKwh(retail),
  imbalancePermille: 100,
  imbalanceGrowthPermille: growth,
  subsidyPermille: 50,
});

/** What a slot brings a party that gave `net` Wh in truth. */
function gainOf(
  owner: string,
  net: number,
  sales: readonly Sale[],
  growth: number,
  tariff: Partial<SettlementTerms> = {},
): number {
  const metered = { importWh: wh(Math.max(0, -net)), exportWh: wh(Math.max(0, net)) };
  const own = sales.filter(({ seller, buyer }) => seller === owner || buyer === owner);
  const rules = { bureau, terms: { ...terms(growth), ...tariff }, charges: [], payee: () => "" };
  const { traded, imbalance } = stateSlot({ owner, metered, net: metered, sales: own }, rules);
  return tradedMoney(traded) + imbalanceMoney(imbalance);
}

type Wish = {
  readonly party: string;
  readonly side: "ask" | "bid";
  readonly quantity: number;
  readonly limit: number;
};

/** Clears a book as the ledger does at a slot's last gate: what nobody took goes to the bureau. */
function market(wishes: readonly Wish[], reference: number) {
  const quotes = wishes.map(({ party, side, quantity, limit }, i): Quote => {
    const about = { id: `q${i}`, party, slot: utcMs(0), time: utcMs(i), form: "any" } as const;
    return { ...about, side, quantity: wh(quantity), limit: microPerKwh(limit) };
  });
  const { fills, price } = clear(quotes, microPerKwh(reference));
  const accepted = quotes.flatMap((quote, i) => {
    const taken = fills[i]?.accepted ?? (0 as Wh);
    return taken === 0 ? [] : [{ ...quote, accepted: taken, reputation: 1 }];
  });
  const pairing = pairQuotes(accepted);
  assert.ok(pairing.ok);
  const byId = new Map(quotes.map((quote) => [quote.id, quote]));
  const party = (id: string) => byId.get(id)?.party ?? "";
  const matched = price === undefined ? [] : pairing.matches;
  const book = matched.map(({ ask, bid, quantity }, i): Sale => {
    const at = price ?? microPerKwh(0);
    return {
      contract: `b${i}`,
      seller: party(ask),
      buyer: party(bid),
      energy: quantity,
      price: at,
    };
  });
  const rests = quotes.map(({ id, party: owner, side, quantity, limit }, i) => {
    const { accepted: taken = 0, netted = 0 } = fills[i] ?? {};
    return {
      id,
      party: owner,
      role: "user" as const,
      side,
      limit,
      quantity: wh(quantity - taken - netted),
    };
  });
  const prices = { cg: undefined, cu: undefined, gc: undefined, gu: undefined };
  const residual = residualSales(rests, { bureau, prices, tariff: terms(0) });
  const rest = residual.map(({ seller, buyer, quantity, price: at }, i): Sale => {
    return { contract: `r${i}`, seller, buyer, energy: quantity, price: at };
  });
  return { price, sales: [...book, ...rest] };
}

const quantity = fc.integer({ min: 1, max: 9_000 });
const limit = fc.constantFrom(400_000, 430_000, 500_000, 560_000, 620_000, 700_000);
const side = fc.constantFrom("ask" as const, "bid" as const);
const others = fc
  .array(fc.record({ side, quantity, limit }), { maxLength: 6 })
  .map((list) => list.map((terms, i): Wish => ({ party: `honest-${i}`, ...terms })));
const growth = fc.constantFrom(0, 100, 1000);
const reference = fc.integer({ min: feedIn, max: retail });
/** Roundings: one for each movement, against the party or for it. */
const rounding = 12;

test("whoever has no energy of its own earns nothing by quotes that it does not keep", () => {
  let traded = 0;
  const own = fc.array(fc.record({ party: fc.constantFrom("a", "b"), quantity, limit }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(
      fc.record({
        others,
        own,
        growth,
        reference,
        sides: fc.tuple(side, side),
        moved: fc.nat(9_000),
      }),
      ({ others: honest, own: quotes, growth: more, reference: at, sides, moved }) => {
        // One side for each of the two; what one lets flow the other draws: a coalition without energy.
        const wishes = quotes.map(
          (one): Wish => ({ ...one, side: one.party === "a" ? sides[0] : sides[1] }),
        );
        const { sales } = market([...honest, ...wishes], at);
        const gain = gainOf("a", moved, sales, more) + gainOf("b", -moved, sales, more);
        assert.ok(gain <= rounding, `a and b gain ${gain}`);
        if (netSold("a", sales) !== 0) traded += 1;
      },
    ),
    { numRuns: 2_000 },
  );
  assert.ok(traded > 500, `${traded} times they traded`);
});

test("quoting more or less than one has never pays where it does not move the price", () => {
  let compared = 0;
  fc.assert(
    fc.property(
      fc.record({ others, side, has: quantity, quoted: quantity, limit, growth, reference }),
      ({ others: honest, side: own, has, quoted, limit: at, growth: more, reference: price }) => {
        const net = own === "ask" ? has : -has;
        const with_ = (amount: number) =>
          market([...honest, { party: "a", side: own, quantity: amount, limit: at }], price);
        const [truth, lie] = [with_(has), with_(quoted)];
        if (truth.price !== lie.price) return;
        compared += quoted === has ? 0 : 1;
        const [honestly, otherwise] = [truth, lie].map(({ sales }) =>
          gainOf("a", net, sales, more),
        );
        assert.ok(
          (otherwise ?? 0) <= (honestly ?? 0) + rounding,
          `${otherwise} by quoting ${quoted} of ${has}, ${honestly} by the truth`,
        );
      },
    ),
    { numRuns: 2_000 },
  );
  assert.ok(compared > 500, `${compared} were compared`);
});

test("at any price that somebody got, below 0 too, what was contracted is worth more than a difference", () => {
  const prices = fc
    .tuple(fc.integer({ min: -300_000, max: 500_000 }), fc.nat(400_000), fc.nat(1000))
    .map(([low, range, permille]) => ({
      tariff: { feedIn: microPerKwh(low), retail: microPerKwh(low + range) },
      price: microPerKwh(low + Math.round((range * permille) / 1000)),
    }));
  fc.assert(
    fc.property(quantity, quantity, side, prices, growth, (sold, given, own, at, more) => {
      const sale = (energy: number): Sale => ({
        contract: "k",
        seller: own === "ask" ? "a" : "other",
        buyer: own === "ask" ? "other" : "a",
        energy: wh(energy),
        price: at.price,
      });
      const net = own === "ask" ? given : -given;
      const gain = (wh: number) => gainOf("a", net, [sale(wh)], more, at.tariff);
      const [planned, differing] = [gain(given), gain(sold)];
      assert.ok(differing <= planned + 2, `${differing} > ${planned}`);
    }),
    { numRuns: 1_000 },
  );
});

test("a difference costs the more a kWh the larger it is beside the position", () => {
  const sold = 10_000;
  const sale: Sale = {
    contract: "k",
    seller: "a",
    buyer: "other",
    energy: wh(sold),
    price: microPerKwh(500_000),
  };
  const planned = gainOf("a", sold, [sale], 200);
  const rate = (short: number) => (planned - gainOf("a", sold - short, [sale], 200)) / short;
  // 700 ‰ of retail and more: 10 % at once, and up to 20 % more for all of it.
  assert.equal(Math.round(rate(1_000)), 784);
  assert.equal(Math.round(rate(5_000)), 840);
  assert.equal(Math.round(rate(10_000)), 910);
  const surplus = (more: number) => (gainOf("a", sold + more, [sale], 200) - planned) / more;
  assert.ok(surplus(1_000) > surplus(5_000) && surplus(5_000) > surplus(10_000));
  assert.ok(surplus(1_000) < 400 * 0.9);
});

/** Slots of one party in a row: what it drew and gave in truth, and what it contracted (below 0: bought). */
const deed = fc.record({
  importWh: fc.nat(9_000),
  exportWh: fc.oneof(fc.constant(0), fc.nat(9_000)),
  soldWh: fc.integer({ min: -9_000, max: 9_000 }),
});

test("leaving readings out never pays, whatever flowed between those that are left", () => {
  let left = 0;
  const prices = fc
    .tuple(fc.integer({ min: -300_000, max: 500_000 }), fc.nat(400_000))
    .map(([low, range]) => ({ feedIn: microPerKwh(low), retail: microPerKwh(low + range) }));
  const run = fc.array(fc.tuple(deed, fc.boolean()), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(run, prices, growth, (slots, tariff, more) => {
      const rules = { bureau, terms: { ...terms(more), ...tariff }, charges: [], payee: () => "" };
      const settled = (own: Metered, soldWh: number, apart: boolean) => {
        const energy = wh(Math.abs(soldWh));
        const [seller, buyer] = soldWh > 0 ? ["a", "other"] : ["other", "a"];
        const sale = { contract: "k", seller, buyer, energy, price: microPerKwh(0) };
        const party = { owner: "a", metered: own, net: own, sales: [sale], apart };
        const { imbalance } = stateSlot(party, rules);
        const wrong = imbalance?.reason === "imbalance-surplus" ? 1 : -1;
        return { money: imbalanceMoney(imbalance), energy: wrong * (imbalance?.energy ?? 0) };
      };
      let [honest, silent, energy, difference] = [0, 0, 0, 0];
      // The last reading is there; of the others those that the party lets go.
      for (let from = 0; from < slots.length; ) {
        let to = from + 1;
        while (to < slots.length && slots[to - 1]?.[1] === false) to += 1;
        const gap = slots.slice(from, to).map(([one]) => one);
        const all = (way: "importWh" | "exportWh") => gap.reduce((sum, one) => sum + one[way], 0);
        const at = (way: "importWh" | "exportWh", n: number) =>
          Math.floor((all(way) * n) / gap.length);
        for (const [n, { importWh, exportWh, soldWh }] of gap.entries()) {
          honest += settled(
            { importWh: wh(importWh), exportWh: wh(exportWh) },
            soldWh,
            false,
          ).money;
          const shared = {
            importWh: wh(at("importWh", n + 1) - at("importWh", n)),
            exportWh: wh(at("exportWh", n + 1) - at("exportWh", n)),
          };
          const stated = settled(shared, soldWh, gap.length > 1);
          silent += stated.money;
          energy += stated.energy;
          difference += exportWh - importWh - soldWh;
        }
        left += gap.length - 1;
        from = to;
      }
      assert.ok(silent <= honest + 2 * slots.length, `${silent} in silence, ${honest} by readings`);
      assert.equal(energy, difference, "what the registers show beyond the contracts, once");
    }),
    { numRuns: 2_000 },
  );
  assert.ok(left > 2_000, `${left} readings were left out`);
});
