import type { Player } from "../game/players.ts";
import type { Horizon } from "./horizon.ts";
import {
  idle,
  type Schedule,
  shift,
  store,
  stretch,
  surplusOf,
  type Terms,
  termsOf,
} from "./schedule.ts";

/** A schedule, and its surplus above that of moving nothing, in currency. */
export type Plan = { readonly schedule: Schedule; readonly gain: number };

/** When an exact plan is good enough: a round that gains less than this part of all that was gained. */
export type PlanLimits = { readonly gainPartMin: number; readonly roundsMax: number };

export const exactPlanLimits: PlanLimits = { gainPartMin: 1e-9, roundsMax: 2000 };

/** For gates of a ledger: what is shown beside the colony's plan must not take longer than that. */
export const gatePlanLimits: PlanLimits = { gainPartMin: 1e-9, roundsMax: 100 };

/**
 * The schedule with the greatest joint surplus, exact and without a seed: every step there is, in
 * order, each as far as it gains, until a round gains nothing.
 *
 * The surplus is concave and smooth, every owner's schedule has bounds of its own, and any change of a
 * battery or a flexible load is a sum of such steps between two slots: what no step improves is optimal.
 *
 * Throws: `RangeError` for a horizon that makes no sense (see `checkHorizon`).
 */
export function plan(horizon: Horizon, limits: PlanLimits = exactPlanLimits): Plan {
  const terms = termsOf(horizon);
  const schedule = idle(terms);
  const before = surplusOf(terms, schedule);
  let gain = 0;
  for (let round = 0; round < limits.roundsMax; round += 1) {
    const more = everyStep(terms, schedule);
    gain += more;
    if (more <= limits.gainPartMin * gain) break;
  }
  return { schedule, gain: surplusOf(terms, schedule) - before };
}

/** The parties of each slot once the schedule is carried out: the games of prices to be played. */
export function playersAfter({ horizon }: Pick<Terms, "horizon">, schedule: Schedule): Player[][] {
  return horizon.slots.map((players, t) => {
    const drawn = new Map<string, number>();
    const draw = (owner: string, kwh = 0) => drawn.set(owner, (drawn.get(owner) ?? 0) + kwh);
    horizon.storages.forEach(({ owner }, i) => {
      draw(owner, (schedule.charge[i]?.[t] ?? 0) - (schedule.discharge[i]?.[t] ?? 0));
    });
    horizon.elastic.forEach(({ owner }, i) => {
      draw(owner, schedule.extra[i]?.[t]);
    });
    horizon.flexible.forEach(({ owner }, i) => {
      draw(owner, schedule.load[i]?.[t]);
    });
    return players.map((player) => ({ ...player, kwh: player.kwh - (drawn.get(player.id) ?? 0) }));
  });
}

function everyStep(terms: Terms, schedule: Schedule): number {
  const { storages, elastic, flexible } = terms.horizon;
  const far = Number.POSITIVE_INFINITY;
  let gain = 0;
  for (let a = 0; a < terms.slots; a += 1) {
    elastic.forEach(({ slots = terms.slots }, i) => {
      if (a >= slots) return;
      gain += stretch(terms, schedule, i, a, far) + stretch(terms, schedule, i, a, -far);
    });
    for (let b = 0; b < terms.slots; b += 1) {
      storages.forEach(({ slots = terms.slots }, i) => {
        if (a < slots && b < slots) gain += store(terms, schedule, i, a, b, far);
      });
      flexible.forEach(({ from, to }, i) => {
        if (a >= from && a <= to && b >= from && b <= to)
          gain += shift(terms, schedule, i, a, b, far);
      });
    }
  }
  return gain;
}
