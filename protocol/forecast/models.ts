import { type DayIndex, type Neighbours, neighboursOf } from "./neighbours.ts";
import type { Past } from "./series.ts";

/**
 * What a model says of the slots `lead` after an origin, in Wh, NaN where it cannot say: one row for each
 * origin, one column for each lead. It may look at values before the origin only.
 */
export type Predictions = readonly Float64Array[];

/** Where a model is asked from, oldest first (indices of slots), and for which leads (slots after). */
export type Questions = {
  readonly past: Past;
  readonly origins: readonly number[];
  readonly leads: readonly number[];
};

/** A way to forecast. */
export type Model = (questions: Questions, makeIndex: DayIndex) => Predictions;

/** Days that the naive forecast goes back over gaps. */
const naiveDays = 7;

/**
 * Seasonal naive: the same slot of the day before, of the day before that where it is missing, and so on;
 * where no such slot is known, the last one that is.
 */
export const seasonalNaive: Model = ({ past, origins, leads }) =>
  origins.map((origin) => {
    const known = (index: number) => (index < origin ? past.at(index) : Number.NaN);
    let last = Number.NaN;
    for (let i = origin - 1; i >= 0 && Number.isNaN(last); i -= 1) last = known(i);
    return rowOf(leads, (lead) => {
      for (let days = 1; days <= naiveDays + 1; days += 1) {
        const value = known(past.daysBack(origin + lead, days));
        if (!Number.isNaN(value)) return value;
      }
      return last;
    });
  });

/** Persistence: the last slot that is known. What the others are measured against. */
export const persistence: Model = ({ past, origins, leads }) =>
  origins.map((origin) => {
    let last = Number.NaN;
    for (let i = origin - 1; i >= 0 && Number.isNaN(last); i -= 1) last = past.at(i);
    return new Float64Array(leads.length).fill(last);
  });

/** How much of a change goes on in the next slot, at most. */
const goesOnMax = 0.9;

/**
 * Damped drift: the last slot that is known, and of its change to it what usually goes on, less and less at
 * each lead (an autoregression of the differences). Where changes do not go on it is persistence.
 * Source: E. S. Gardner and E. McKenzie, "Forecasting trends in time series", Manage. Sci. 31 (1985).
 */
export const drift: Model = ({ past, origins, leads }) => {
  let [at, products, squares] = [0, 0, 0];
  return origins.map((origin) => {
    for (; at < origin; at += 1) {
      const before = past.at(at - 1) - past.at(at - 2);
      const change = past.at(at) - past.at(at - 1);
      if (Number.isNaN(before) || Number.isNaN(change)) continue;
      products = products * memory + before * change;
      squares = squares * memory + before * before;
    }
    const goesOn = squares > 0 ? Math.min(goesOnMax, Math.max(0, products / squares)) : 0;
    const [last, change] = [past.at(origin - 1), past.at(origin - 1) - past.at(origin - 2)];
    const moved = leads.map(() => 0);
    let [lead, part, all] = [0, goesOn, goesOn];
    for (const [i, wanted] of leads.entries()) {
      for (; lead < wanted; lead += 1) {
        part *= goesOn;
        all += part;
      }
      moved[i] = all;
    }
    return rowOf(leads, (_, i) => {
      return Number.isNaN(change) ? last : last + change * (moved[i] ?? 0);
    });
  });
};

/** As `Float64Array.from`, which is several times slower. */
function rowOf(leads: readonly number[], of: (lead: number, i: number) => number): Float64Array {
  const row = new Float64Array(leads.length);
  for (let i = 0; i < leads.length; i += 1) row[i] = of(leads[i] ?? 0, i);
  return row;
}

/** How quickly level and seasons follow; the best one so far speaks. */
const paces = [
  { level: 0.02, day: 0.1, week: 0.05 },
  { level: 0.05, day: 0.3, week: 0.1 },
  { level: 0.2, day: 0.2, week: 0.1 },
  { level: 0.1, day: 0.5, week: 0 },
] as const;

/** Share of the last error that is still there an hour later. */
const keptPerHour = 0.8;
/** Share of the sum of squared errors that counts after a slot: old ones are forgotten. */
const memory = 0.995;

/**
 * Exponential smoothing with a daily and a weekly season, additive, with the last error fading away.
 * Source: J. W. Taylor, "Short-term electricity demand forecasting using double seasonal exponential
 * smoothing", J. Oper. Res. Soc. 54 (2003).
 */
export const smoothing: Model = ({ past, origins, leads }) => {
  const kept = 1 - ((1 - keptPerHour) * past.slotMs) / 3_600_000;
  const states = paces.map((pace) => new Smoothed(pace, past.perDay, kept));
  const keptAt = leads.map((lead) => powerOf(kept, lead + 1));
  const rows: Float64Array[] = [];
  let [at, seen] = [0, 0];
  for (const origin of origins) {
    for (; at < origin; at += 1) {
      const value = past.at(at);
      if (Number.isNaN(value)) {
        for (const state of states) state.miss();
        continue;
      }
      seen += 1;
      const [ofDay, ofWeek] = [past.ofDay(at), past.ofWeek(at)];
      for (const state of states) state.take(value, ofDay, ofWeek);
    }
    const best = states.reduce((a, b) => (b.errors < a.errors ? b : a));
    // Before a day was seen there is no season to speak of.
    rows.push(
      seen < past.perDay
        ? new Float64Array(leads.length).fill(Number.NaN)
        : rowOf(leads, (lead, i) =>
            best.say(past.ofDay(origin + lead), past.ofWeek(origin + lead), keptAt[i] ?? 0),
          ),
    );
  }
  return rows;
};

/** By multiplications alone, the same bits everywhere. */
function powerOf(base: number, exponent: number): number {
  let power = 1;
  for (let i = 0; i < exponent; i += 1) power *= base;
  return power;
}

class Smoothed {
  errors = 0;
  readonly #pace: (typeof paces)[number];
  readonly #kept: number;
  readonly #ofDay: Float64Array;
  readonly #ofWeek: Float64Array;
  #level = Number.NaN;
  #last = 0;

  constructor(pace: (typeof paces)[number], perDay: number, kept: number) {
    this.#pace = pace;
    this.#kept = kept;
    this.#ofDay = new Float64Array(perDay);
    this.#ofWeek = new Float64Array(7 * perDay);
  }

  take(value: number, ofDay: number, ofWeek: number): void {
    if (Number.isNaN(this.#level)) this.#level = value;
    const [day, week] = [this.#ofDay[ofDay] ?? 0, this.#ofWeek[ofWeek] ?? 0];
    const error = value - (this.#level + day + week);
    const surprise = error - this.#kept * this.#last;
    this.errors = this.errors * memory + surprise * surprise;
    this.#level += this.#pace.level * error;
    this.#ofDay[ofDay] = day + this.#pace.day * error;
    this.#ofWeek[ofWeek] = week + this.#pace.week * error;
    this.#last = error;
  }

  /** A slot of which nothing is known: the last error fades. */
  miss(): void {
    this.#last *= this.#kept;
  }

  /** `kept` is what is left of the last error at that lead. */
  say(ofDay: number, ofWeek: number, kept: number): number {
    const rest = this.#last * kept;
    return this.#level + (this.#ofDay[ofDay] ?? 0) + (this.#ofWeek[ofWeek] ?? 0) + rest;
  }
}

/** How many of the days that were most like today speak. */
const likeDays = 5;

/**
 * Analogue ensemble: the days whose last 24 hours before the same time were most like those of today, and
 * what came of them, the nearer the more. Source: L. Delle Monache et al., "Probabilistic weather
 * prediction with an analog ensemble", Mon. Wea. Rev. 141 (2013).
 */
export const analogues: Model = (questions, makeIndex) =>
  neighboursOf(questions, makeIndex).map(({ origin, days }) =>
    rowOf(questions.leads, (lead) => meanOf(questions.past, { origin, days }, lead)),
  );

function meanOf(past: Past, { origin, days }: Neighbours, lead: number): number {
  let [sum, weights, count] = [0, 0, 0];
  const nearest = days[0]?.squared ?? 0;
  for (const { at, squared } of days) {
    // What came of it is known only where it came before the origin.
    const value = at + lead < origin ? past.at(at + lead) : Number.NaN;
    if (Number.isNaN(value)) continue;
    const weight = 1 / (squared + nearest + 1);
    sum += weight * value;
    weights += weight;
    count += 1;
    if (count === likeDays) break;
  }
  return count === 0 ? Number.NaN : sum / weights;
}
