/** Random books of one slot, matched by the paper's step 8 to the letter, and cleared by us. */
import { type MicroPerKwh, microPerKwh, utcMs, wh } from "@busbar/protocol";
import { clear } from "../clearing/clearing.ts";
import { matchPaper } from "../clearing/paper-matching.ts";
import type { Quote } from "../clearing/quotes.ts";
import { type Random, randomFrom } from "../colony/random.ts";
import { referencePrices } from "../colony/reference.ts";
import { seedOf } from "../day/day-prices.ts";
import { paperRules } from "../game/paper-rules.ts";
import { allocateQuantities } from "../game/quantities.ts";

/** What one way of matching comes to over all books: money in currency, energy in kWh. */
export type Outcome = {
  readonly welfare: number;
  readonly kwh: number;
  /** Energy at a price worse than the limit of its seller or buyer. */
  readonly beyondKwh: number;
};

export type Comparison = {
  readonly books: number;
  readonly quotes: number;
  /** The nearest quotes to the colony's price. */
  readonly literal: Outcome;
  /** The nearest quotes to the price at which we clear the same book: a target between the two sides. */
  readonly atOurs: Outcome;
  readonly ours: Outcome;
  /** Of each book with something to gain, what the literal matching reaches of the best welfare. */
  readonly parts: readonly number[];
};

/**
 * Books of 5 to 20 asks and as many bids of 1 to 50 kWh, limits anywhere between feed-in (0.4) and retail
 * (0.7 currency/kWh), each of a party of its own. The target is the colony's price for G→U of the book's
 * energy.
 */
export function compareMatching(books: number, name: string): Comparison {
  const total = { literal: nothing, atOurs: nothing, ours: nothing };
  const parts: number[] = [];
  let count = 0;
  for (let i = 0; i < books; i += 1) {
    const quotes = bookOf(randomFrom(seedOf(name, "book", String(i))));
    count += quotes.length;
    const target = targetOf(quotes, seedOf(name, "block", String(i)));
    const literal = matched(quotes, target);
    const { price, ...ours } = cleared(quotes, target);
    if (price !== undefined) total.atOurs = plus(total.atOurs, matched(quotes, price));
    total.literal = plus(total.literal, literal);
    total.ours = plus(total.ours, ours);
    if (ours.welfare > 0) parts.push(literal.welfare / ours.welfare);
  }
  return { books, quotes: count, ...total, parts: parts.sort((a, b) => a - b) };
}

const nothing: Outcome = { welfare: 0, kwh: 0, beyondKwh: 0 };

const plus = (a: Outcome, b: Outcome): Outcome => ({
  welfare: a.welfare + b.welfare,
  kwh: a.kwh + b.kwh,
  beyondKwh: a.beyondKwh + b.beyondKwh,
});

function bookOf(random: Random): Quote[] {
  const draw = new Float64Array(2);
  const upTo = (least: number, most: number) => {
    random.fillSymmetric(draw.subarray(0, 1));
    return least + Math.floor((((draw[0] ?? 0) + 1) / 2) * (most - least + 1));
  };
  const quotes: Quote[] = [];
  for (const side of ["ask", "bid"] as const) {
    const count = upTo(5, 20);
    for (let i = 0; i < count; i += 1) {
      quotes.push({
        id: `${side}-${i}`,
        party: `${side}-${i}`,
        side,
        slot: utcMs(0),
        form: "any",
        quantity: wh(upTo(1, 50) * 1000),
        limit: microPerKwh(upTo(400_000, 700_000)),
        time: utcMs(0),
      });
    }
  }
  return quotes;
}

function targetOf(quotes: readonly Quote[], seed: Uint8Array): MicroPerKwh {
  const sum = (side: Quote["side"]) =>
    wh(quotes.reduce((all, quote) => (quote.side === side ? all + quote.quantity : all), 0));
  const energy = { generationWh: sum("ask"), ownLoadWh: wh(0), usersLoadWh: sum("bid") };
  const { prices } = referencePrices(allocateQuantities(energy), paperRules, seed);
  if (prices.gu === undefined) throw new RangeError("a book has asks and bids, so G→U is traded");
  return prices.gu;
}

function matched(quotes: readonly Quote[], target: MicroPerKwh): Outcome {
  const { welfare, volume, beyond } = matchPaper(quotes, target);
  return { welfare: welfare / 1e6, kwh: volume / 1000, beyondKwh: beyond / 1000 };
}

function cleared(quotes: readonly Quote[], target: MicroPerKwh) {
  const { fills, price, certificate, volume } = clear(quotes, target);
  let beyond = 0;
  quotes.forEach(({ side, limit }, i) => {
    const accepted = fills[i]?.accepted ?? 0;
    if (accepted > 0 && price !== undefined && (side === "ask" ? limit > price : limit < price)) {
      beyond += accepted;
    }
  });
  return {
    price,
    welfare: certificate.welfare / 1e6,
    kwh: volume / 1000,
    beyondKwh: beyond / 1000,
  };
}
