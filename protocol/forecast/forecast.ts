import {
  analogues,
  type Model,
  type Predictions,
  persistence,
  seasonalNaive,
  smoothing,
} from "./models.ts";
import { type DayIndex, listOfDays } from "./neighbours.ts";
import { type Ask, Past, type Series, targetsMax } from "./series.ts";

/** What a slot will bring, in whole Wh: it is below `p10` once in ten times, below `p90` nine times. */
export type Outlook = { readonly p10: number; readonly p50: number; readonly p90: number };

/** The models that are combined. */
export const models: Readonly<Record<string, Model>> = {
  seasonalNaive,
  smoothing,
  analogues,
  persistence,
};

/** Days on which the models are tried out: each as it would have spoken then. */
const trialDays = 14;
/** What speaks for a slot is how it went at leads of so much less and more, ms. */
const nearMs = 2 * 3_600_000;

/**
 * Forecasts of consecutive slots from what had ended at `now`. Three models and persistence speak, each
 * weighed by how it would have done at that lead on the last fourteen days; how far the mix of them was off on those
 * days gives the band. Undefined where nothing at all is known.
 *
 * Deterministic: floats see + − × ÷ only, so every member has the same bits. Throws: `RangeError` for
 * a question that makes no sense (a day is no whole number of slots, more than 864 slots asked for).
 */
export function forecast(
  series: Series,
  ask: Ask,
  makeIndex: DayIndex = listOfDays,
): readonly Outlook[] | undefined {
  check(series, ask);
  const past = new Past(series, ask);
  const first = Math.round((ask.from - past.start) / past.slotMs) - past.origin;
  const leads = Array.from({ length: ask.count }, (_, i) => first + i);
  const trials = originsBefore(past);
  const questions = { past, origins: [...trials, past.origin], leads };
  const said = Object.values(models).map((model) => model(questions, makeIndex));
  const actual = trials.map((origin) => Float64Array.from(leads, (lead) => past.at(origin + lead)));
  const near = Math.round(nearMs / past.slotMs);
  const outlooks = leads.map((_, column) =>
    outlookOf({ said, actual, columns: columnsNear(column, near, leads.length), column }),
  );
  return outlooks.some((outlook) => outlook === undefined)
    ? undefined
    : (outlooks as readonly Outlook[]);
}

/** The same time on the days before, oldest first, as far back as there is a day to go by. */
function originsBefore(past: Past): number[] {
  const origins: number[] = [];
  for (let days = 1; days <= trialDays; days += 1) {
    const origin = past.daysBack(past.origin, days);
    if (origin < past.perDay) break;
    origins.push(origin);
  }
  return origins.reverse();
}

type Trial = {
  /** By model: rows are origins, the last one is today's. */
  readonly said: readonly Predictions[];
  readonly actual: readonly Float64Array[];
  /** Leads that are like the one in question. */
  readonly columns: readonly number[];
  readonly column: number;
};

function outlookOf(trial: Trial): Outlook | undefined {
  const { said, actual, columns, column } = trial;
  const weights = said.map((rows) => skillOf(rows, actual, columns));
  const today = actual.length;
  const middle = mixOf(said, weights, today, column);
  if (Number.isNaN(middle)) return undefined;
  const errors = new Float64Array(actual.length * columns.length);
  let count = 0;
  for (const [row, values] of actual.entries()) {
    for (const at of columns) {
      const error = (values[at] ?? Number.NaN) - mixOf(said, weights, row, at);
      if (!Number.isNaN(error)) errors[count++] = error;
    }
  }
  const [low, high] = bandOf(errors.subarray(0, count), actual.length, middle);
  return { p10: whole(middle + low), p50: whole(middle), p90: whole(middle + high) };
}

/** How much a model's word weighs: one over the square of its mean squared error; undefined where it was never tried. */
function skillOf(
  rows: Predictions,
  actual: readonly Float64Array[],
  columns: readonly number[],
): number | undefined {
  let [sum, count] = [0, 0];
  for (const [row, values] of actual.entries()) {
    for (const at of columns) {
      const error = (values[at] ?? Number.NaN) - (rows[row]?.[at] ?? Number.NaN);
      if (Number.isNaN(error)) continue;
      sum += error * error;
      count += 1;
    }
  }
  if (count === 0) return undefined;
  const squared = sum / count + 1;
  return 1 / (squared * squared);
}

/** The weighted mean of those that can say something; of untried ones the first speaks. */
function mixOf(
  said: readonly Predictions[],
  weights: readonly (number | undefined)[],
  row: number,
  column: number,
): number {
  let [sum, total, untried] = [0, 0, Number.NaN];
  for (const [model, rows] of said.entries()) {
    const value = rows[row]?.[column] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    const weight = weights[model];
    if (weight === undefined) {
      if (Number.isNaN(untried)) untried = value;
      continue;
    }
    sum += weight * value;
    total += weight;
  }
  return total === 0 ? untried : sum / total;
}

/**
 * The tenth and the ninetieth hundredth of errors, wider where they are of few days: those of one day
 * are alike. Without any, half of the value each way.
 */
function bandOf(errors: Float64Array, days: number, middle: number): readonly [number, number] {
  const half = Math.abs(middle) / 2;
  if (errors.length < 5) return [-half, half];
  errors.sort();
  const wider = 1 + 2 / days;
  return [Math.min(0, wider * quantile(errors, 10)), Math.max(0, wider * quantile(errors, 90))];
}

/** By straight line between the order statistics, Weibull's places: (i + 1)/(n + 1). */
function quantile(sorted: Float64Array, hundredths: number): number {
  const place = ((sorted.length + 1) * hundredths) / 100 - 1;
  const below = Math.max(0, Math.min(sorted.length - 1, Math.floor(place)));
  const above = Math.min(sorted.length - 1, below + 1);
  const share = Math.max(0, Math.min(1, place - below));
  const [low, high] = [sorted[below] ?? 0, sorted[above] ?? 0];
  return low + share * (high - low);
}

function columnsNear(column: number, near: number, count: number): number[] {
  const from = Math.max(0, column - near);
  const to = Math.min(count - 1, column + near);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** Never −0, which a CBOR integer is not. */
function whole(value: number): number {
  return Math.round(value) + 0;
}

function check({ slotMs, start, netWh }: Series, { now, from, count }: Ask): void {
  const numbers = [slotMs, start, now, from];
  if (!numbers.every(Number.isFinite) || slotMs < 1 || !Number.isInteger(86_400_000 / slotMs)) {
    throw new RangeError(`expected slots that share a day evenly, got ${slotMs} ms`);
  }
  if ((from - start) % slotMs !== 0 || from <= now - slotMs) {
    throw new RangeError(`expected the start of a slot that had not ended at ${now}, got ${from}`);
  }
  if (!Number.isInteger(count) || count < 1 || count > targetsMax) {
    throw new RangeError(`expected 1 to ${targetsMax} slots to forecast, got ${count}`);
  }
  if (
    netWh.some((value) => value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)
  ) {
    throw new RangeError("expected energies that are finite, or NaN where one is not known");
  }
}
