import { checkGame, type Game } from "../game/game.ts";
import { type Board, layOut, nashProducts, type Scratch } from "./board.ts";
import { type Random, randomFrom } from "./random.ts";

/** How long and how a colony searches. Reaches are fractions of a price's band. */
export type ColonySettings = {
  readonly ants: number;
  readonly iterations: number;
  /** p_0 of eq. 15: ants whose pheromone is nearer to the best than this search locally. */
  readonly transition: number;
  /** λ of eq. 15 in the first iteration, and what it is multiplied by after each. */
  readonly reach: number;
  readonly reachFactor: number;
  /** ρ_min of eq. 14. */
  readonly evaporationMin: number;
};

/** 35 groups of ants and 200 iterations are the paper's; it leaves the other constants open. */
export const paperColony: ColonySettings = {
  ants: 35,
  iterations: 200,
  transition: 0.2,
  reach: 0.5,
  reachFactor: 0.95,
  evaporationMin: 0.1,
};

/** After each iteration: the best objective so far (0 … 1) and the evaporation ρ. */
export type Convergence = { readonly best: Float64Array; readonly evaporation: Float64Array };

/** The best price of each trade of the game, in currency/kWh, and how the search came there. */
export type ColonyResult = { readonly prices: Float64Array; readonly convergence: Convergence };

/**
 * The ant colony of Liu & Zhou §II.C (eq. 14–15, Steps 1–5) on the weighted Nash objective
 * Π gain_i^w_i, each gain as a share of the most that party could gain. Same game, seed and settings:
 * the same bits on every machine.
 *
 * Shape: `seed` is 32 bytes. A party without a trade takes no part in the product.
 * Throws: `RangeError` for another seed or a game that makes no sense (see `checkGame`).
 */
export function searchPrices(
  game: Game,
  seed: Uint8Array,
  settings: ColonySettings = paperColony,
): ColonyResult {
  checkGame(game);
  const random = randomFrom(seed);
  const board = layOut(game);
  const swarm = hatch(board, random, settings.ants);
  const best = new Float64Array(settings.iterations);
  const evaporation = new Float64Array(settings.iterations);
  let rho = 1; // ρ(0) of eq. 14
  let lambda = settings.reach;
  for (let iteration = 0; iteration < settings.iterations; iteration += 1) {
    const before = swarm.bestQuality;
    look(swarm, lambda, settings.transition);
    move(board, swarm, random);
    settle(board, swarm);
    if (swarm.bestQuality <= before) {
      rho = Math.max(0.8 * rho, settings.evaporationMin); // eq. 14
    }
    layPheromone(swarm, rho);
    lambda *= settings.reachFactor;
    best[iteration] = swarm.bestQuality;
    evaporation[iteration] = rho;
  }
  return { prices: swarm.bestPrices, convergence: { best, evaporation } };
}

type Swarm = {
  /** Trades × ants, as `nashProducts` wants them. */
  readonly positions: Float64Array;
  readonly trials: Float64Array;
  readonly qualities: Float64Array;
  readonly found: Float64Array;
  readonly pheromone: Float64Array;
  readonly reach: Float64Array;
  readonly draws: Float64Array;
  readonly scratch: Scratch;
  readonly bestPrices: Float64Array;
  bestQuality: number;
};

/** Steps 1–3: ants anywhere in the price box (eq. 13), equal pheromone. */
function hatch(board: Board, random: Random, ants: number): Swarm {
  const size = ants * board.trades.length;
  const swarm: Swarm = {
    positions: new Float64Array(size),
    trials: new Float64Array(size),
    qualities: new Float64Array(ants).fill(-1),
    found: new Float64Array(ants),
    pheromone: new Float64Array(ants).fill(1),
    reach: new Float64Array(ants).fill(0.5),
    draws: new Float64Array(size),
    scratch: { worth: new Float64Array(size), gain: new Float64Array(ants) },
    bestPrices: new Float64Array(board.trades.length),
    bestQuality: -1,
  };
  board.trades.forEach(({ low, high }, trade) => {
    swarm.positions.fill((low + high) / 2, trade * ants, (trade + 1) * ants);
  });
  move(board, swarm, random);
  settle(board, swarm);
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

/** Each ant's trial: eq. 15, kept inside the box of eq. 13. */
function move({ trades }: Board, { positions, trials, reach, draws }: Swarm, random: Random): void {
  random.fillSymmetric(draws);
  const ants = reach.length;
  for (let trade = 0; trade < trades.length; trade += 1) {
    const { low = 0, high = 0 } = trades[trade] ?? {};
    const width = high - low;
    const start = trade * ants;
    for (let ant = 0; ant < ants; ant += 1) {
      const step = (draws[start + ant] ?? 0) * (reach[ant] ?? 0) * width;
      const price = (positions[start + ant] ?? 0) + step;
      trials[start + ant] = Math.min(Math.max(price, low), high);
    }
  }
}

/** Ants that found a better place stay there; the best place of all is kept. */
function settle(board: Board, swarm: Swarm): void {
  const { positions, trials, qualities, found, bestPrices, scratch } = swarm;
  nashProducts(board, trials, found, scratch);
  const ants = found.length;
  for (let ant = 0; ant < ants; ant += 1) {
    const quality = found[ant] ?? 0;
    if (quality <= (qualities[ant] ?? 0)) continue;
    qualities[ant] = quality;
    const best = quality > swarm.bestQuality;
    if (best) swarm.bestQuality = quality;
    for (let trade = 0; trade < bestPrices.length; trade += 1) {
      const price = trials[trade * ants + ant] ?? 0;
      positions[trade * ants + ant] = price;
      if (best) bestPrices[trade] = price;
    }
  }
}

/** The end of Step 4: old trails evaporate by ρ, new ones are proportional to the quality. */
function layPheromone({ pheromone, qualities }: Swarm, rho: number): void {
  for (let ant = 0; ant < pheromone.length; ant += 1) {
    pheromone[ant] = (1 - rho) * (pheromone[ant] ?? 0) + rho * (qualities[ant] ?? 0);
  }
}
