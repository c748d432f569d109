/**
 * Who trades with whom over a grid: neighbours first. From the outermost feeders inwards each one
 * pairs what is there, nearest first; what its smaller side cannot take goes on to its parent. So a
 * segment carries what clearing sent over it, in one direction, and nobody pays for a longer way than
 * it needs.
 */
import assert from "node:assert/strict";
import { wh } from "@busbar/protocol";
import { type Grid, layOut } from "./grid.ts";
import {
  type AcceptedQuote,
  evenWeights,
  lotsOf,
  nearestFirst,
  type PairingWeights,
} from "./nearest-first.ts";
import { checkPairing, type Match } from "./pairing.ts";

/**
 * Pairs each accepted watt-hour of `clearOnGrid` exactly once. Every party is on one side, as netting
 * leaves it, so none can meet itself.
 *
 * Throws: `RangeError` as `pairQuotes` and `layOut`, and for a party on both sides.
 */
export function pairOnGrid(
  quotes: readonly AcceptedQuote[],
  grid: Grid,
  weights: PairingWeights = evenWeights,
): Match[] {
  checkPairing(quotes, weights);
  checkSides(quotes);
  const { places, placeOf } = layOut(grid);
  const here: AcceptedQuote[][] = places.map(() => []);
  for (const quote of quotes) here[placeOf(quote.feeder)]?.push(quote);
  const matches: Match[] = [];
  for (let i = places.length - 1; i >= 0; i -= 1) {
    const own = here[i] ?? [];
    const asks = lotsOf(own, "ask", weights);
    const bids = lotsOf(own, "bid", weights);
    for (const { ask, bid, quantity } of nearestFirst(asks, bids, weights)) {
      matches.push({ ask: ask.quote.id, bid: bid.quote.id, quantity: wh(quantity) });
    }
    const rest = [...asks, ...bids]
      .filter(({ left }) => left > 0)
      .map(({ quote, left }) => ({ ...quote, accepted: wh(left) }));
    const parent = places[i]?.parent ?? -1;
    if (parent >= 0) here[parent]?.push(...rest);
    else assert(rest.length === 0, "sides of one total are paired at the busbar at the latest");
  }
  return matches;
}

function checkSides(quotes: readonly AcceptedQuote[]): void {
  const sides = new Map<string, string>();
  for (const { party, side } of quotes) {
    if ((sides.get(party) ?? side) !== side) {
      throw new RangeError(`${party} is on both sides; net its own asks and bids before pairing`);
    }
    sides.set(party, side);
  }
}
