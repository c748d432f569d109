/**
 * Checks a clearing over a grid without clearing: by the energy of each feeder and line, and by prices
 * that support it. Any member can run it.
 */
import type { Refusal } from "@busbar/protocol";
import {
  checkSelfMatch,
  checkTies,
  type Pair,
  pairUp,
  refuse,
  type Verdict,
} from "./certificate.ts";
import { type Grid, type Layout, layOut } from "./grid.ts";
import { type Bounds, lowered, supportingPrices } from "./grid-prices.ts";
import { type GridClearing, type Quote, type Rationed, rankOf } from "./quotes.ts";

/**
 * Whether the clearing is the welfare optimum of these quotes over this grid, with all energy that it
 * can trade, no line overloaded, each feeder's price the one that `clearOnGrid` promises, ties shared
 * fairly, and nobody on both sides. O(n), plus a sort of each rationed group. Whether the certified
 * reference is the slot's is the caller's to compare.
 *
 * Refuses, in this order: `clearing.fills`, `clearing.places`, `clearing.balance`, `clearing.capacity`,
 * `clearing.not-optimal`, `clearing.price`, `clearing.welfare`, `clearing.ties`, `clearing.self-match`.
 */
export function verifyGridClearing(
  quotes: readonly Quote[],
  grid: Grid,
  clearing: GridClearing,
): Verdict {
  const layout = layOut(grid);
  const pairs = pairUp(quotes, clearing.fills);
  if (!Array.isArray(pairs)) return pairs;
  const here: Pair[][] = layout.places.map(() => []);
  for (const pair of pairs) here[layout.placeOf(pair.quote.feeder)]?.push(pair);
  return (
    checkPlaces(layout, clearing) ??
    checkFlows(here, layout, clearing) ??
    checkPrices(here, layout, clearing) ??
    checkWorth(pairs, layout, clearing) ??
    checkShares(here) ??
    checkSelfMatch(pairs) ?? { ok: true }
  );
}

function checkPlaces({ places }: Layout, clearing: GridClearing): Refusal | undefined {
  const expected = places.map(({ feeder }) => feeder);
  const got = clearing.places.map(({ feeder }) => feeder);
  if (got.length === expected.length && expected.every((feeder, i) => feeder === got[i])) {
    return undefined;
  }
  return refuse("clearing.places", `expected the feeders ${expected}, got ${got}`);
}

/** What a feeder sells, buys and gets from beyond it goes to its parent, within the line's capacity. */
function checkFlows(
  here: readonly (readonly Pair[])[],
  { places }: Layout,
  clearing: GridClearing,
): Refusal | undefined {
  const excess = places.map(() => 0);
  let volume = 0;
  for (const [i, pairs] of here.entries()) {
    for (const { quote, fill, cleared } of pairs) {
      excess[i] = (excess[i] ?? 0) + (quote.side === "ask" ? cleared : -cleared);
      volume += quote.side === "ask" ? fill.accepted : 0;
    }
  }
  if (volume !== clearing.volume) {
    const message = `asks are accepted for ${volume} Wh, the volume says ${clearing.volume} Wh`;
    return refuse("clearing.balance", message);
  }
  for (let i = places.length - 1; i >= 0; i -= 1) {
    const { feeder = "the busbar", parent, up, down } = places[i] ?? { parent: -1, up: 0, down: 0 };
    const flow = clearing.places[i]?.exportWh ?? 0;
    if (excess[i] !== flow || (parent < 0 && flow !== 0)) {
      const message = `${feeder} has ${excess[i]} Wh too much, and is said to send ${flow} Wh`;
      return refuse("clearing.balance", message);
    }
    if (parent < 0) continue;
    if (flow > up || -flow > down) {
      const message = `${feeder} sends ${flow} Wh over a line with room for ${-down} … ${up} Wh`;
      return refuse("clearing.capacity", message);
    }
    excess[parent] = (excess[parent] ?? 0) + flow;
  }
  return undefined;
}

/** The dual: prices that support the clearing exist, and these are the ones that were promised. */
function checkPrices(
  here: readonly (readonly Pair[])[],
  layout: Layout,
  { places, reference }: GridClearing,
): Refusal | undefined {
  const flows = places.map(({ exportWh }) => exportWh);
  const prices = supportingPrices(layout, flows, here.map(boundsOf), reference);
  if (prices === undefined) {
    return refuse("clearing.not-optimal", "no prices support this clearing");
  }
  const least = lowered(
    layout.places,
    flows,
    here.map((pairs) => bestRest(pairs, "ask")),
  );
  for (const [i, pairs] of here.entries()) {
    const [bid, ask] = [bestRest(pairs, "bid"), least[i] ?? Number.POSITIVE_INFINITY];
    if (bid < ask) continue;
    const message = `a bid of ${bid} is left with energy, and an ask that costs ${ask} there`;
    return refuse("clearing.not-optimal", message);
  }
  for (const [i, { feeder = "the busbar", price }] of places.entries()) {
    const traded = here[i]?.some(({ fill }) => fill.accepted > 0) ?? false;
    const expected = traded ? prices[i] : undefined;
    if (price === expected) continue;
    return refuse("clearing.price", `${feeder}: expected the price ${expected}, got ${price}`);
  }
  return undefined;
}

function boundsOf(pairs: readonly Pair[]): Bounds {
  let [lo, hi]: [number, number] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const { quote, cleared } of pairs) {
    const [served, rest] = [cleared > 0, cleared < quote.quantity];
    if (quote.side === "ask" ? served : rest) lo = Math.max(lo, quote.limit);
    if (quote.side === "ask" ? rest : served) hi = Math.min(hi, quote.limit);
  }
  return { lo, hi };
}

/** The best limit of one side that is left with energy; the worst there is where none is. */
function bestRest(pairs: readonly Pair[], side: Quote["side"]): number {
  const rests = pairs.filter(
    ({ quote, cleared }) => quote.side === side && cleared < quote.quantity,
  );
  const better = side === "ask" ? Math.min : Math.max;
  const none = side === "ask" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return rests.reduce((best, { quote }) => better(best, quote.limit), none);
}

function checkWorth(
  pairs: readonly Pair[],
  { places }: Layout,
  clearing: GridClearing,
): Refusal | undefined {
  let [surplus, fees] = [0n, 0n];
  for (const { quote, cleared } of pairs) {
    const value = BigInt(quote.limit) * BigInt(cleared);
    surplus += quote.side === "bid" ? value : -value;
  }
  for (const [i, { fee }] of places.entries()) {
    fees += BigInt(fee) * BigInt(Math.abs(clearing.places[i]?.exportWh ?? 0));
  }
  // The optimum is never below 0, so cutting is rounding down.
  const [welfare, owed] = [Number((surplus - fees) / 1000n), Number(fees / 1000n)];
  if (welfare === clearing.welfare && owed === clearing.fees) return undefined;
  const said = `the clearing says ${clearing.welfare} and ${clearing.fees}`;
  return refuse("clearing.welfare", `it is worth ${welfare} with ${owed} of fees, ${said}`);
}

/** Within a feeder equal limits are served alike, as in a book without a grid. */
function checkShares(here: readonly (readonly Pair[])[]): Refusal | undefined {
  for (const pairs of here) {
    for (const side of ["ask", "bid"] as const) {
      const own = pairs.filter(({ quote }) => quote.side === side);
      const wrong = checkTies(own, rationedOf(own));
      if (wrong !== undefined) return wrong;
    }
  }
  return undefined;
}

/** The group of equals that is served in part, if there is one. */
function rationedOf(own: readonly Pair[]): Rationed | undefined {
  const partly = (pair: Pair) => pair.cleared > 0 && pair.cleared < pair.quote.quantity;
  const first = own.find(partly) ?? splitGroup(own);
  if (first === undefined) return undefined;
  const { side, limit } = first.quote;
  const rank = rankOf(first.quote);
  const group = own.filter(({ quote }) => quote.limit === limit && rankOf(quote) === rank);
  const sum = (of: (pair: Pair) => number) => group.reduce((all, pair) => all + of(pair), 0);
  return {
    side,
    limit,
    ...(rank === 0 ? {} : { rank }),
    offered: sum(({ quote }) => quote.quantity) as Rationed["offered"],
    cleared: sum(({ cleared }) => cleared) as Rationed["cleared"],
  };
}

/** Equals of which some are served whole and some not at all: a share may be rounded to that. */
function splitGroup(own: readonly Pair[]): Pair | undefined {
  const level = ({ limit, rank = 0 }: Quote) => `${limit}/${rank}`;
  const served = new Set(own.flatMap(({ quote, cleared }) => (cleared > 0 ? [level(quote)] : [])));
  return own.find(({ quote, cleared }) => cleared === 0 && served.has(level(quote)));
}
