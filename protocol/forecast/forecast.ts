import { mixed } from "./mixing.ts";
import {
  analogues,
  drift,
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
  drift,
  persistence,
};

/** Days whose same time gives the band, and of which the newest are tried out at every hour. */
const [trialDays, hourlyDays] = [14, 3];
const hourMs = 3_600_000;
/** What speaks for a slot is how it went at leads of so much less and more, ms. */
const nearMs = 2 * hourMs;

/**
 * Forecasts of consecutive slots from what had ended at `now`. Three models with seasons, persistence and drift
 * speak, each as far as it would have helped at that lead on the last days, tried out at every hour; how far the
 * mix of them was off at the same time of the last fourteen days gives the band. What never changed its
 * sign is not said to. Undefined where nothing at all is known.
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
  const daily = originsEachDay(past);
  const trials = [...new Set([...daily, ...originsEachHour(past)])].sort((a, b) => a - b);
  const questions = { past, origins: [...trials, past.origin], leads };
  const actual = trials.map((origin) => past.from(origin + first, leads.length));
  const near = Math.round(nearMs / past.slotMs);
  const ofDays = daily.map((origin) => trials.indexOf(origin));
  const rows = mixed({
    seasonal: [seasonalNaive, smoothing, analogues].map((model) => model(questions, makeIndex)),
    still: [persistence, drift].map((model) => model(questions, makeIndex)),
    actual,
    hours: leads.map((lead) => ((lead + 1) * past.slotMs) / hourMs),
    near,
    wanted: [...ofDays, trials.length],
  });
  const today = rows.at(-1) ?? new Float64Array();
  if (today.some(Number.isNaN)) return undefined;
  const came = ofDays.map((row) => actual[row] ?? new Float64Array());
  const [least, most] = past.reach();
  return leads.map((_, column) => {
    const middle = today[column] ?? 0;
    const columns = columnsNear(column, near, leads.length);
    const errors = errorsOf(rows, came, columns);
    const [low, high] = bandOf(errors, ofDays.length, middle);
    const within = (value: number) => whole(Math.min(most, Math.max(least, value)));
    return { p10: within(middle + low), p50: within(middle), p90: within(middle + high) };
  });
}

/** The same time on the days before, as far back as there is a day to go by. */
function originsEachDay(past: Past): number[] {
  const origins: number[] = [];
  for (let days = 1; days <= trialDays; days += 1) {
    const origin = past.daysBack(past.origin, days);
    if (origin < past.perDay) break;
    origins.push(origin);
  }
  return origins;
}

/** Every hour (slots that are longer: every slot) of the newest days. */
function originsEachHour(past: Past): number[] {
  const origins: number[] = [];
  const step = Math.max(1, Math.round(hourMs / past.slotMs));
  const oldest = Math.max(past.perDay, past.origin - hourlyDays * past.perDay);
  for (let origin = past.origin - step; origin >= oldest; origin -= step) origins.push(origin);
  return origins;
}

/** How far the mix was off in some columns, where that is known. */
function errorsOf(
  said: Predictions,
  came: readonly Float64Array[],
  columns: readonly number[],
): Float64Array {
  const errors = new Float64Array(came.length * columns.length);
  let count = 0;
  for (const [row, values] of came.entries()) {
    for (const column of columns) {
      const error = (values[column] ?? Number.NaN) - (said[row]?.[column] ?? Number.NaN);
      if (!Number.isNaN(error)) errors[count++] = error;
    }
  }
  return errors.subarray(0, count);
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
