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
  settings: ColonySettings = planColony,
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
      ant.gain += wander(terms, ant.schedule, { random, draws, reach: near ? lambda : 0.5 });
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
  let [gain, next] = [0, 0];
  const draw = () => draws[next++] ?? 0;
  const slot = (first: number, count: number, u: number) =>
    first + Math.floor(((u + 1) / 2) * count);
  storages.forEach(({ capacityKwh }, i) => {
    for (let k = 0; k < terms.slots; k += 1) {
      const [other, step] = [slot(0, terms.slots, draw()), draw() * reach * capacityKwh];
      gain +=
        step > 0
          ? store(terms, schedule, i, k, other, step)
          : store(terms, schedule, i, other, k, -step);
    }
  });
  elastic.forEach(({ downKwh, upKwh }, i) => {
    for (let k = 0; k < terms.slots; k += 1) {
      const step = draw() * reach * (downKwh + upKwh);
      gain += stretch(terms, schedule, i, k, step);
    }
  });
  flexible.forEach(({ from, to, maxKw }, i) => {
    const count = to - from + 1;
    for (let k = from; k <= to; k += 1) {
      const [other, step] = [slot(from, count, draw()), draw() * reach * maxKw * hours];
      gain +=
        step > 0
          ? shift(terms, schedule, i, k, other, step)
          : shift(terms, schedule, i, other, k, -step);
    }
  });
  return gain;
}
