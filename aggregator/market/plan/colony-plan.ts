import { type ColonySettings, paperColony } from "../colony/colony.ts";
import { type Random, randomFrom } from "../colony/random.ts";
import type { Horizon } from "./horizon.ts";
import type { Plan } from "./plan.ts";
import {
  copyOf,
  idle,
  type Schedule,
  shift,
  store,
  stretch,
  surplusOf,
  type Terms,
  termsOf,
} from "./schedule.ts";

/**
 * λ of eq. 15 shrinks slower than in the search for prices: a battery's step is also cut by its level in
 * every slot between, and steps that are too small too early never get around that.
 */
export const planColony: ColonySettings = { ...paperColony, reachFactor: 0.98 };

/** Up to so many things the paper's ants search, as often as the paper's. */
const fewThings = 8;

/** Tries of one search beyond that: what a member can do in half a second. */
const triesMax = 3_000_000;

/**
 * The settings for a horizon: the joint surplus has no hills beside the highest, so every ant finds the same
 * in the end, and where there is much to move, few ants that try more often get nearer to it in the same time.
 */
export function colonyFor(horizon: Horizon): ColonySettings {
  const things = blocksOf(horizon);
  if (things <= fewThings) return planColony;
  const ants = 5;
  const tries = ants * things * horizon.slots.length;
  const iterations = Math.max(1, Math.min(1000, Math.floor(triesMax / tries)));
  return { ...planColony, ants, iterations, reach: 1, reachFactor: 0.995 };
}

/** The search ends where so many iterations together gained less than this part of what was found. */
const still = { iterations: 25, part: 1e-9 } as const;

/** A plan and how the colony came to it: the best gain after each iteration, in currency. */
export type ColonyPlan = Plan & { readonly best: Float64Array };

/**
 * The ant colony of Liu & Zhou (eq. 14–15, Steps 1–5) on the joint surplus of a horizon: an ant is a
 * schedule. In each iteration it tries, for everything that can be moved, as many steps as there are
 * slots, between slots drawn at random and as long as eq. 15 says, and takes each as far as it gains.
 * Same horizon, seed and settings: the same bits on every machine.
 *
 * Shape: `seed` is 32 bytes.
 * Throws: `RangeError` for another seed or a horizon that makes no sense (see `checkHorizon`).
 */
export function searchPlan(
  horizon: Horizon,
  seed: Uint8Array,
  settings: ColonySettings = colonyFor(horizon),
): ColonyPlan {
  const terms = termsOf(horizon);
  const random = randomFrom(seed);
  const start = idle(terms);
  const ants = Array.from({ length: settings.ants }, () => ({
    schedule: copyOf(start),
    gain: 0,
    pheromone: 1,
  }));
  const draws = new Float64Array(2 * terms.slots * blocksOf(horizon));
  const best = new Float64Array(settings.iterations);
  let found = { schedule: start, gain: 0 };
  let rho = 1; // ρ(0) of eq. 14
  let lambda = settings.reach;
  let iteration = 0;
  for (; iteration < settings.iterations; iteration += 1) {
    const earlier = best[iteration - 1 - still.iterations];
    if (earlier !== undefined && found.gain - earlier <= still.part * found.gain) break;
    const before = found.gain;
    const strongest = ants.reduce((most, { pheromone }) => Math.max(most, pheromone), 0);
    for (const ant of ants) {
      // p_i < p_0 of eq. 15
      const near = strongest - ant.pheromone < settings.transition * strongest;
      ant.gain += wander(terms, ant.schedule, {
        random,
        draws,
        reach: near ? lambda : settings.reach,
      });
      if (ant.gain > found.gain) found = { schedule: ant.schedule, gain: ant.gain };
    }
    if (found.gain <= before) rho = Math.max(0.8 * rho, settings.evaporationMin); // eq. 14
    for (const ant of ants) ant.pheromone = (1 - rho) * ant.pheromone + rho * ant.gain;
    lambda *= settings.reachFactor;
    best[iteration] = found.gain;
  }
  const { schedule } = found;
  return {
    schedule,
    gain: surplusOf(terms, schedule) - surplusOf(terms, start),
    best: best.slice(0, iteration),
  };
}

const blocksOf = ({ storages, elastic, flexible }: Horizon) =>
  storages.length + elastic.length + flexible.length;

type Draws = { readonly random: Random; readonly draws: Float64Array; readonly reach: number };

/** One iteration of one ant; returns what it gained. */
function wander(terms: Terms, schedule: Schedule, { random, draws, reach }: Draws): number {
  const { storages, elastic, flexible, hours } = terms.horizon;
  random.fillSymmetric(draws);
  let gain = 0;
  let next = 0;
  for (const [i, { capacityKwh, slots = terms.slots }] of storages.entries()) {
    for (let k = 0; k < slots; k += 1) {
      const other = slotAt(0, slots, draws[next]);
      const step = (draws[next + 1] ?? 0) * reach * capacityKwh;
      next += 2;
      gain += inEither(store, terms, schedule, i, k, other, step);
    }
  }
  for (const [i, { downKwh, upKwh, slots = terms.slots }] of elastic.entries()) {
    for (let k = 0; k < slots; k += 1) {
      gain += stretch(terms, schedule, i, k, (draws[next] ?? 0) * reach * (downKwh + upKwh));
      next += 1;
    }
  }
  for (const [i, { from, to, maxKw }] of flexible.entries()) {
    for (let k = from; k <= to; k += 1) {
      const other = slotAt(from, to - from + 1, draws[next]);
      const step = (draws[next + 1] ?? 0) * reach * maxKw * hours;
      next += 2;
      gain += inEither(shift, terms, schedule, i, k, other, step);
    }
  }
  return gain;
}

/** One of `count` slots from `first` on, by a draw in [−1, 1). */
const slotAt = (first: number, count: number, draw = 0) =>
  first + Math.floor(((draw + 1) / 2) * count);

/** The step the way that its sign says, or, where nothing is gained by that, the other way. */
function inEither(
  move: typeof store,
  terms: Terms,
  schedule: Schedule,
  i: number,
  a: number,
  b: number,
  step: number,
): number {
  const [from, to, far] = step > 0 ? [a, b, step] : [b, a, -step];
  return move(terms, schedule, i, from, to, far) || move(terms, schedule, i, to, from, far);
}
