import type { Game } from "../game/game.ts";

/**
 * A game laid out for the colony, which tries many positions at once. A party's gain, as a share of
 * the most it could gain, is `base` plus for each of its trades a `share` of the trade's worth
 * f(p) − f(low), f(p) = p − κ p². Parties without a trade are left out.
 */
export type Board = {
  readonly trades: readonly BoardTrade[];
  readonly parties: readonly BoardParty[];
};

export type BoardTrade = {
  readonly low: number;
  readonly high: number;
  readonly subsidy: number;
  readonly floor: number;
};

export type BoardParty = {
  readonly weight: number;
  readonly base: number;
  readonly terms: readonly { readonly trade: number; readonly share: number }[];
};

/** Scratch space for `nashProducts`: trades × positions, and positions. */
export type Scratch = { readonly worth: Float64Array; readonly gain: Float64Array };

/** Lays out a game once, before the search. */
export function layOut({ weights, trades }: Game): Board {
  const f = (price: number, subsidy: number) => price - subsidy * price * price;
  const floor = trades.map(({ low, subsidy }) => f(low, subsidy));
  const span = trades.map(({ high, subsidy }, i) => f(high, subsidy) - (floor[i] ?? 0));
  const parties = weights.flatMap((weight, party): BoardParty[] => {
    const own = trades.flatMap(({ seller, buyer, kwh }, trade) =>
      seller === party || buyer === party ? [{ trade, kwh, sells: seller === party }] : [],
    );
    if (own.length === 0) return [];
    const most = own.reduce((sum, { trade, kwh }) => sum + kwh * (span[trade] ?? 0), 0);
    const given = own.filter(({ sells }) => !sells);
    const base = given.reduce((sum, { trade, kwh }) => sum + (kwh / most) * (span[trade] ?? 0), 0);
    const terms = own.map(({ trade, kwh, sells }) => ({
      trade,
      share: (sells ? kwh : -kwh) / most,
    }));
    return [{ weight, base, terms }];
  });
  const board = trades.map(({ low, high, subsidy }, i) => ({
    low,
    high,
    subsidy,
    floor: floor[i] ?? 0,
  }));
  return { trades: board, parties };
}

/**
 * The weighted Nash objective Π gain_i^w_i at many positions, into `products`: 0 where anybody gets
 * no more than in its worst corner, at most 1.
 *
 * Shape: `prices` is trades × positions, all positions of a trade side by side: the loops below run
 * over independent numbers, which is about twice as fast as one position after the other.
 */
export function nashProducts(
  { trades, parties }: Board,
  prices: Float64Array,
  products: Float64Array,
  { worth, gain }: Scratch,
): void {
  const count = products.length;
  for (let trade = 0; trade < trades.length; trade += 1) {
    const { subsidy, floor } = trades[trade] ?? nothing;
    const end = (trade + 1) * count;
    for (let at = trade * count; at < end; at += 1) {
      const price = prices[at] ?? 0;
      worth[at] = price - subsidy * price * price - floor;
    }
  }
  products.fill(1);
  for (const { weight, base, terms } of parties) {
    gain.fill(base);
    for (const { trade, share } of terms) {
      const start = trade * count;
      for (let i = 0; i < count; i += 1) {
        gain[i] = (gain[i] ?? 0) + share * (worth[start + i] ?? 0);
      }
    }
    multiplyPowers(products, gain, weight);
  }
}

const nothing: BoardTrade = { low: 0, high: 0, subsidy: 0, floor: 0 };

/** products[i] ·= max(0, gain[i])^weight by repeated multiplication: `Math.pow` may differ between machines. */
function multiplyPowers(products: Float64Array, gain: Float64Array, weight: number): void {
  for (let i = 0; i < products.length; i += 1) {
    const own = gain[i] ?? 0;
    // A rounding error below 0 must not turn into a good even power.
    const base = Math.max(own, 0);
    let power = base;
    for (let factor = 1; factor < weight; factor += 1) power *= base;
    products[i] = (products[i] ?? 0) * power;
  }
}
