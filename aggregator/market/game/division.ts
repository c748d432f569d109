import { checkGame, type Game, type Trade } from "./game.ts";
import { priceWorth, worthAt } from "./worth.ts";

/**
 * How a game's money is divided. `shares[e]` (0 … 1) is the part of trade e's pool that its seller gets,
 * `gains` what each party has above its worst corner of the price box, in currency, and `gap` how far
 * this can be from the best division (see `provenGap`).
 */
export type Division = {
  readonly shares: Float64Array;
  readonly gains: Float64Array;
  readonly gap: number;
};

/** When an exact division is good enough, and after how many rounds it is taken as it is. */
export type DivisionLimits = { readonly gapMax: number; readonly roundsMax: number };

export const exactLimits: DivisionLimits = { gapMax: 1e-12, roundsMax: 2000 };

/**
 * The weighted Nash bargaining solution Π (N_i − d_i)^w_i of a game of any number of parties (eq. 9 of
 * Liu & Zhou), exact and without a seed: trade after trade is divided as its two ends would if the rest
 * stood still, until the proof of distance is met.
 *
 * The objective is concave and smooth in the pools' shares and each share has bounds of its own, so what
 * no single trade can improve is the optimum. Every party's gain in it is unique; the prices around a
 * ring of trades are not, and there the middle of the bands, where this begins, decides.
 *
 * Throws: `RangeError` for a game that makes no sense (see `checkGame`).
 */
export function divide(game: Game, limits: DivisionLimits = exactLimits): Division {
  checkGame(game);
  const pools = poolsOf(game);
  const money = pools.map((pool) => pool / 2);
  const { weights } = game;
  let gap = Number.POSITIVE_INFINITY;
  for (let round = 0; round < limits.roundsMax && gap > limits.gapMax; round += 1) {
    const gains = gainsOf(game, pools, money);
    game.trades.forEach(({ seller, buyer }, e) => {
      const [ws, wb] = [weights[seller] ?? 0, weights[buyer] ?? 0];
      const [gs, gb] = [gains[seller] ?? 0, gains[buyer] ?? 0];
      const [here, most] = [money[e] ?? 0, pools[e] ?? 0];
      const there = Math.min(Math.max(here + (ws * gb - wb * gs) / (ws + wb), 0), most);
      money[e] = there;
      gains[seller] = gs + (there - here);
      gains[buyer] = gb - (there - here);
    });
    gap = gapAt(game, pools, money, gainsOf(game, pools, money));
  }
  const shares = money.map((part, e) => part / (pools[e] ?? 1));
  return { shares, gains: gainsOf(game, pools, money), gap };
}

/**
 * A bound that anybody computes in one pass over the trades, whoever found the shares: the weighted
 * geometric mean of the gains is at most this part short of the best one. It is the Frank–Wolfe gap of
 * the logarithm of the objective, divided by the sum of the weights; 0 is proven optimal.
 */
export function provenGap(game: Game, shares: Float64Array): number {
  const pools = poolsOf(game);
  const money = pools.map((pool, e) => pool * (shares[e] ?? 0));
  return gapAt(game, pools, money, gainsOf(game, pools, money));
}

/** What each trade's price can move between its two ends, in currency: Q (f(high) − f(low)). */
export function poolsOf({ trades }: Game): Float64Array {
  return Float64Array.from(trades, ({ kwh, low, high, subsidy }) => {
    return kwh * (worthAt(high, subsidy) - worthAt(low, subsidy));
  });
}

/** A party's gain: what its sales bring above the low ends, and its purchases below the high ends. */
export function gainsOf({ weights, trades }: Game, pools: Float64Array, money: Float64Array) {
  const gains = new Float64Array(weights.length);
  trades.forEach(({ seller, buyer }, e) => {
    const [part, pool] = [money[e] ?? 0, pools[e] ?? 0];
    gains[seller] = (gains[seller] ?? 0) + part;
    gains[buyer] = (gains[buyer] ?? 0) + (pool - part);
  });
  return gains;
}

/** The price at which a trade's seller has this share of its pool; eq. 13 holds by 0 ≤ share ≤ 1. */
export function priceAtShare({ low, high, subsidy }: Trade, share: number): number {
  const [floor, ceiling] = [worthAt(low, subsidy), worthAt(high, subsidy)];
  return Math.min(Math.max(priceWorth(floor + share * (ceiling - floor), subsidy), low), high);
}

function gapAt(
  { weights, trades }: Game,
  pools: Float64Array,
  money: Float64Array,
  gains: Float64Array,
): number {
  const playing = new Set(trades.flatMap(({ seller, buyer }) => [seller, buyer]));
  let [gap, all] = [0, 0];
  for (const party of playing) {
    // Who has nothing would give all for a little: no bound is finite there.
    if (!((gains[party] ?? 0) > 0)) return Number.POSITIVE_INFINITY;
    all += weights[party] ?? 0;
  }
  const pull = weights.map((weight, party) => weight / (gains[party] ?? 0));
  trades.forEach(({ seller, buyer }, e) => {
    const slope = (pull[seller] ?? 0) - (pull[buyer] ?? 0);
    const [part, pool] = [money[e] ?? 0, pools[e] ?? 0];
    gap += slope > 0 ? slope * (pool - part) : -slope * part;
  });
  return all > 0 ? gap / all : 0;
}
