import { type Timing, usualTiming } from "../../aggregator/consensus/pbft/limits.ts";
import { Violation } from "./auditor.ts";
import type { Liar } from "./cluster.ts";
import type { Cut, Weather } from "./network.ts";
import type { Random } from "./random.ts";

/** What the lives of a toy's and of real members have in common. */

/** What a seed drew, in words. */
export type Plan = {
  readonly seed: number;
  readonly members: number;
  readonly faulty: readonly Liar[];
  readonly frames: number;
  readonly troubleMs: number;
};

/** Views that honest members asked for: until the faults healed, until all was well, after that. */
export type Views = { readonly troubled: number; readonly healing: number; readonly after: number };

/** How a seed went. */
export type Outcome = {
  readonly plan: Plan;
  readonly ok: boolean;
  readonly problem: string | undefined;
  readonly blocks: number;
  readonly virtualMs: number;
  readonly messages: number;
  readonly views: Views;
  readonly counts: Readonly<Record<string, number>>;
  readonly accused: readonly string[];
};

/** Short limits that never grow with what is measured, so that many views fail. */
export const hurriedTiming: Timing = {
  ...usualTiming,
  requestMs: 200,
  measuredMsMax: 0,
  resendMs: 100,
};

/** What went wrong in a life. */
export function problemIn(live: () => string | undefined): string | undefined {
  try {
    return live();
  } catch (error) {
    // A failed assertion stops a process for good, and so is no better than a broken rule.
    if (!(error instanceof Error)) throw error;
    return error instanceof Violation ? error.message : (error.stack ?? error.message);
  }
}

/** Links on which all arrives, within so much time. */
export const fair = (delayMsMax = 5): Weather => ({ delayMsMax, loss: 0, duplication: 0 });

export function foul(random: Random): Weather {
  return {
    delayMsMax: random.pick([5, 20, 100]),
    loss: random.pick([0, 0.05, 0.3]),
    duplication: random.pick([0, 0.1, 0.5]),
  };
}

/** Links of a life that goes on after all was well: a third of them is slower than a view has time. */
export function delayAfter(plan: Plan, isHurried: boolean): number {
  return isHurried ? 5 : ([5, 150, 600][plan.seed % 3] ?? 5);
}

/**
 * How many views may pass from the end of the faults until all is well: members that stand in several
 * views come together in a few, and each liar's turn may come and fail twice. Where the voters change,
 * all of that begins anew.
 */
export function viewsToHealMax({ faulty }: Plan, changes = 0): number {
  return (4 + 2 * faulty.length) * (1 + changes);
}

/**
 * How many views may pass where nobody fails or lies. Patience begins at a second and doubles until it
 * bears four words one after the other. A view that too few are in has to be left, and those who are
 * out of it may have asked for several.
 */
export function viewsForNothingMax(delayMs: number, isWhole: boolean): number {
  return (delayMs > 5 ? 2 : 0) + (isWhole ? 0 : 3);
}

/** Halves, halves of which one hears the other, a single one, one that hears nothing, a ring, or none. */
export function partition(random: Random, count: number): Cut {
  switch (random.int(0, 6)) {
    case 0: {
      const half = new Set(random.some(Array.from({ length: count }, (_, i) => i)));
      return (from, to) => half.has(from) !== half.has(to);
    }
    case 4: {
      const half = new Set(random.some(Array.from({ length: count }, (_, i) => i)));
      return (from, to) => half.has(from) && !half.has(to);
    }
    case 1: {
      const alone = random.int(0, count - 1);
      return (from, to) => from === alone || to === alone;
    }
    case 2: {
      const deaf = random.int(0, count - 1);
      return (_, to) => to === deaf;
    }
    case 3:
      return (from, to) => (from + 1) % count !== to && (to + 1) % count !== from;
    default:
      return () => false;
  }
}
