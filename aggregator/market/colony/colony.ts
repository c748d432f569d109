import { poolsOf } from "../game/division.ts";
import { checkGame, type Game } from "../game/game.ts";
import { type Random, randomFrom } from "./random.ts";

/** How long and how a colony searches. Reaches are parts of a price's band. */
export type ColonySettings = {
  readonly ants: number;
  readonly iterations: number;
  /** p_0 of eq. 15: ants whose pheromone is nearer to the strongest than this search locally. */
  readonly transition: number;
  /** λ of eq. 15 in the first iteration, and what it is multiplied by after each. */
  readonly reach: number;
  readonly reachFactor: number;
  /** ρ_min of eq. 14. */
  readonly evaporationMin: number;
  /** The search ends before its last iteration where the proven gap is at most this. */
  readonly gapEnough: number;
};

/**
 * 35 groups of ants and 200 iterations are the paper's; it leaves the other constants open. At a proven
 * gap of 10⁻¹² the prices stand to their last published digit.
 */
export const paperColony: ColonySettings = {
  ants: 35,
  iterations: 200,
  transition: 0.2,
  reach: 0.5,
  reachFactor: 0.95,
  evaporationMin: 0.1,
  gapEnough: 1e-12,
};

/**
 * For many parties: a million times nearer than the 0.1 % that a gate must be. At 10⁻⁶ a channel that
 * carries next to nothing of the gate's energy could still be 0.02 currency/kWh away.
 */
export const gateColony: ColonySettings = { ...paperColony, gapEnough: 1e-9 };

/**
 * After each iteration: how far the best ant is at most from the best division (the proven gap of
 * `game/division.ts`), the evaporation ρ, and the pheromone of every ant (iterations × ants).
 */
export type Convergence = {
  readonly gap: Float64Array;
  readonly evaporation: Float64Array;
  readonly pheromone: Float64Array;
};

/**
 * The best ant's shares: the part of each trade's pool that its seller gets (`priceAtShare` makes a
 * price of it), and how the search came there.
 */
export type ColonyResult = { readonly shares: Float64Array; readonly convergence: Convergence };

/**
 * The ant colony of Liu & Zhou §II.C (eq. 14–15, Steps 1–5) on the weighted Nash objective of a game
 * of any number of parties. Same game, seed and settings: the same bits on every machine.
 *
 * An ant walks from trade to trade. At each it draws the step of eq. 15 and takes it if and as far as
 * the objective grows, which the gains of the trade's two ends decide without a power or a logarithm.
 * An ant's position is its share of each pool: what eq. 13 leaves of a band, measured in money.
 *
 * Shape: `seed` is 32 bytes. A party without a trade takes no part in the objective.
 * Throws: `RangeError` for another seed or a game that makes no sense (see `checkGame`).
 */
export function searchShares(
  game: Game,
  seed: Uint8Array,
  settings: ColonySettings = paperColony,
): ColonyResult {
  checkGame(game);
  const random = randomFrom(seed);
  const swarm = hatch(game, random, settings.ants);
  const gap = new Float64Array(settings.iterations);
  const evaporation = new Float64Array(settings.iterations);
  const pheromone = new Float64Array(settings.iterations * settings.ants);
  let rho = 1; // ρ(0) of eq. 14
  let lambda = settings.reach;
  let iteration = 0;
  for (; iteration < settings.iterations && swarm.bestGap > settings.gapEnough; iteration += 1) {
    const before = swarm.bestGap;
    look(swarm, lambda, settings.transition);
    walk(swarm, random);
    judge(swarm);
    if (swarm.bestGap >= before) rho = evaporated(rho, settings.evaporationMin);
    layPheromone(swarm, rho);
    lambda *= settings.reachFactor;
    gap[iteration] = swarm.bestGap;
    evaporation[iteration] = rho;
    pheromone.set(swarm.pheromone, iteration * settings.ants);
  }
  const until = (history: Float64Array, count = iteration) => history.slice(0, count);
  return {
    shares: swarm.bestShares,
    convergence: {
      gap: until(gap),
      evaporation: until(evaporation),
      pheromone: until(pheromone, iteration * settings.ants),
    },
  };
}

/** eq. 14 of Liu & Zhou: ρ falls to its minimum while the best does not improve. */
function evaporated(rho: number, least: number): number {
  return Math.max(0.8 * rho, least);
}

/** A trade as the ants meet it: offsets of its ends in `gains`, and their parts of both weights. */
type Stop = {
  readonly seller: number;
  readonly buyer: number;
  readonly pool: number;
  readonly sellerPart: number;
  readonly buyerPart: number;
};

type Swarm = {
  readonly ants: number;
  readonly stops: readonly Stop[];
  /** Weight of each party that trades, 0 of one that does not. */
  readonly weights: Float64Array;
  readonly allWeights: number;
  /** Trades × ants: money above the low end of the band. */
  readonly money: Float64Array;
  /** Parties × ants. */
  readonly gains: Float64Array;
  readonly draws: Float64Array;
  readonly gaps: Float64Array;
  readonly pull: Float64Array;
  readonly pheromone: Float64Array;
  readonly reach: Float64Array;
  readonly bestShares: Float64Array;
  bestGap: number;
};

/** Steps 1–3: ants anywhere in the price box (eq. 13 of Liu & Zhou), equal pheromone. */
function hatch(game: Game, random: Random, ants: number): Swarm {
  const { trades, weights } = game;
  const pools = poolsOf(game);
  const playing = new Float64Array(weights.length);
  const stops = trades.map(({ seller, buyer }, e): Stop => {
    const [ws, wb] = [weights[seller] ?? 0, weights[buyer] ?? 0];
    playing[seller] = ws;
    playing[buyer] = wb;
    return {
      seller: seller * ants,
      buyer: buyer * ants,
      pool: pools[e] ?? 0,
      sellerPart: ws / (ws + wb),
      buyerPart: wb / (ws + wb),
    };
  });
  const size = ants * trades.length;
  const swarm: Swarm = {
    ants,
    stops,
    weights: playing,
    allWeights: playing.reduce((sum, weight) => sum + weight, 0),
    money: new Float64Array(size),
    gains: new Float64Array(ants * weights.length),
    draws: new Float64Array(size),
    gaps: new Float64Array(ants),
    pull: new Float64Array(ants * weights.length),
    pheromone: new Float64Array(ants).fill(1),
    reach: new Float64Array(ants),
    bestShares: new Float64Array(trades.length).fill(0.5),
    bestGap: Number.POSITIVE_INFINITY,
  };
  random.fillSymmetric(swarm.draws);
  stops.forEach(({ seller, buyer, pool }, e) => {
    for (let ant = 0; ant < ants; ant += 1) {
      const part = (((swarm.draws[e * ants + ant] ?? 0) + 1) / 2) * pool;
      swarm.money[e * ants + ant] = part;
      swarm.gains[seller + ant] = (swarm.gains[seller + ant] ?? 0) + part;
      swarm.gains[buyer + ant] = (swarm.gains[buyer + ant] ?? 0) + (pool - part);
    }
  });
  return swarm;
}

/** How far each ant looks: λ if its pheromone is near the strongest (p_i < p_0 of eq. 15), else half the band. */
function look({ pheromone, reach }: Swarm, lambda: number, transition: number): void {
  let strongest = 0;
  for (let ant = 0; ant < pheromone.length; ant += 1) {
    const trail = pheromone[ant] ?? 0;
    if (trail > strongest) strongest = trail;
  }
  for (let ant = 0; ant < pheromone.length; ant += 1) {
    // p_i = (strongest − own) / strongest, without dividing by a strongest of 0
    const near = strongest - (pheromone[ant] ?? 0) < transition * strongest;
    reach[ant] = near ? lambda : 0.5;
  }
}

/**
 * Step 4: each ant walks all trades. At one, the step is eq. 15 of Liu & Zhou, X + rand·λ or
 * X + rand·(upper − lower)/2. The objective grows towards w_s/g_s = w_b/g_b of the two ends and falls
 * beyond it, so a step the other way is not taken, and a longer one ends there or at the band's end.
 */
function walk({ ants, stops, money, gains, draws, reach }: Swarm, random: Random): void {
  random.fillSymmetric(draws);
  let start = 0;
  for (const { seller, buyer, pool, sellerPart, buyerPart } of stops) {
    for (let ant = 0; ant < ants; ant += 1) {
      const gs = gains[seller + ant] ?? 0;
      const gb = gains[buyer + ant] ?? 0;
      const here = money[start + ant] ?? 0;
      const peak = sellerPart * gb - buyerPart * gs;
      let step = (draws[start + ant] ?? 0) * (reach[ant] ?? 0) * pool;
      if (peak > 0) {
        if (step > peak) step = peak;
        if (step > pool - here) step = pool - here;
        if (step <= 0) continue;
      } else {
        if (step < peak) step = peak;
        if (step < -here) step = -here;
        if (step >= 0) continue;
      }
      money[start + ant] = here + step;
      gains[seller + ant] = gs + step;
      gains[buyer + ant] = gb - step;
    }
    start += ants;
  }
}

/** What each ant's place is worth: its proven gap, smaller is better; the best place of all is kept. */
function judge(swarm: Swarm): void {
  const { ants, stops, weights, allWeights, money, gains, gaps, pull, bestShares } = swarm;
  for (let party = 0; party < weights.length; party += 1) {
    const weight = weights[party] ?? 0;
    if (weight === 0) continue;
    for (let at = party * ants; at < (party + 1) * ants; at += 1)
      pull[at] = weight / (gains[at] ?? 0);
  }
  gaps.fill(0);
  let start = 0;
  for (const { seller, buyer, pool } of stops) {
    for (let ant = 0; ant < ants; ant += 1) {
      const slope = (pull[seller + ant] ?? 0) - (pull[buyer + ant] ?? 0);
      const part = money[start + ant] ?? 0;
      gaps[ant] = (gaps[ant] ?? 0) + (slope > 0 ? slope * (pool - part) : -slope * part);
    }
    start += ants;
  }
  for (let ant = 0; ant < ants; ant += 1) {
    // A game without trades has nothing to find.
    const gap = allWeights > 0 ? (gaps[ant] ?? 0) / allWeights : 0;
    gaps[ant] = gap;
    if (!(gap < swarm.bestGap)) continue;
    swarm.bestGap = gap;
    stops.forEach(({ pool }, e) => {
      bestShares[e] = (money[e * ants + ant] ?? 0) / pool;
    });
  }
}

/** The end of Step 4: old trails evaporate by ρ, new ones are proportional to the quality 1/(1 + gap). */
function layPheromone({ pheromone, gaps }: Swarm, rho: number): void {
  for (let ant = 0; ant < pheromone.length; ant += 1) {
    pheromone[ant] = (1 - rho) * (pheromone[ant] ?? 0) + rho / (1 + (gaps[ant] ?? 0));
  }
}
