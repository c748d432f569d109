import { smoothNoise } from "./noise.ts";
import { yearAngle } from "./sun.ts";

/** One hump of a day: when, how wide (hours, standard deviation) and how high. */
type Hump = { readonly hour: number; readonly width: number; readonly height: number };

/** A consumer's habits, as parts of its peak. */
export type Habit = {
  readonly base: number;
  readonly humps: readonly Hump[];
  /** What is left of the humps on Saturdays and Sundays. */
  readonly weekend: number;
};

/** Offices and a workshop: a plateau in working hours. */
export const works: Habit = {
  base: 0.34,
  humps: [
    { hour: 9.8, width: 1.5, height: 0.38 },
    { hour: 14.5, width: 2.2, height: 0.42 },
  ],
  weekend: 0.35,
};

/** Homes: a morning hump, cooking at noon and a long evening. */
export const homes: Habit = {
  base: 0.3,
  humps: [
    { hour: 7.3, width: 1.1, height: 0.24 },
    { hour: 12.2, width: 1.3, height: 0.24 },
    { hour: 19.8, width: 2.1, height: 0.5 },
  ],
  weekend: 1.1,
};

/** Shops and restaurants: open from ten to ten. */
export const shops: Habit = {
  base: 0.26,
  humps: [
    { hour: 12, width: 1.9, height: 0.46 },
    { hour: 17.5, width: 2.6, height: 0.45 },
  ],
  weekend: 1.12,
};

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A load with a daily and weekly shape, air conditioning by season and noise; at most its peak. */
export function makeLoad(options: {
  readonly seed: number;
  readonly channel: string;
  readonly peak: number;
  readonly habit: Habit;
  readonly utcOffsetHours: number;
}): (timeMs: number) => number {
  const { peak, habit, utcOffsetHours } = options;
  const noise = smoothNoise(options.seed, options.channel, [
    { periodMs: 30 * hourMs, weight: 1 },
    { periodMs: 2.3 * hourMs, weight: 0.7 },
    { periodMs: hourMs / 4, weight: 0.6 },
    { periodMs: hourMs / 20, weight: 0.5 },
  ]);
  return (timeMs) => {
    const local = timeMs + utcOffsetHours * hourMs;
    // 1970-01-01 was a Thursday; day 0 of this week is Monday.
    const weekday = (Math.floor(local / dayMs) + 3) % 7;
    const busy = weekday >= 5 ? habit.weekend : 1;
    const hour = (local % dayMs) / hourMs;
    const shape = habit.base + busy * humps(habit.humps, hour);
    // Heating in late January and cooling in late July.
    const season = 1 + 0.1 * Math.cos(2 * yearAngle(timeMs) - 0.85);
    return peak * Math.min(1, shape * season * (1 + 0.06 * noise(timeMs)));
  };
}

function humps(all: readonly Hump[], hour: number): number {
  let sum = 0;
  for (const hump of all) {
    // Around midnight the nearer way round the clock counts.
    const apart = Math.abs(hour - hump.hour);
    const away = Math.min(apart, 24 - apart) / hump.width;
    sum += hump.height * Math.exp(-0.5 * away * away);
  }
  return sum;
}
