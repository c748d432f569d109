/**
 * How the models' words become one, at each lead by itself: shares that would have had the least squared
 * error on the trials, drawn towards what each model's own errors, and leads of that length in general, speak for.
 * Sources: L. Breiman, "Stacked regressions", Machine Learning 24 (1996), for shares of 0 or more; the pull
 * towards shares by single errors is what few trials need (J. M. Bates and C. W. J. Granger, Oper. Res. Q. 20, 1969).
 */
import type { Predictions } from "./models.ts";

/**
 * What was said and what came. Rows are origins, the last one today's, of which nothing came yet; columns
 * are leads, `hours[column]` to the slot's end.
 */
export type Trials = {
  /** The models with seasons, and those that go on from the last slot. */
  readonly seasonal: readonly Predictions[];
  readonly still: readonly Predictions[];
  readonly actual: readonly Float64Array[];
  readonly hours: readonly number[];
  /** So many columns to either side are like one. */
  readonly near: number;
  /** The rows that are wanted. */
  readonly wanted: readonly number[];
};

/** How much of what is seen now still speaks an hour later, before anything was tried. */
const keptPerHour = 0.8;
/** What single errors say counts as much as so many trials for each hour of the lead: trials at a long lead
 * overlap, and say the less each. */
const pullTrials = 5;
/** Rounds of exchanges between two shares, and the least that is exchanged. */
const [roundsMax, shareLeast] = [40, 1e-5];

/** The mixed forecast in the rows that are wanted, in their order; NaN where nobody can say anything. */
export function mixed(trials: Trials): Predictions {
  const { seasonal, still, actual, hours, wanted } = trials;
  const all = [...seasonal, ...still];
  const said = wanted.map(() => new Float64Array(hours.length).fill(Number.NaN));
  const squared = all.map((one) => meanSquares(one, trials));
  const values = new Float64Array(all.length);
  let [skills, shares, hour]: [number[], number[], number] = [[], [], Number.NaN];
  hours.forEach((ahead, column) => {
    // Slots within an hour of the lead are alike.
    if (Math.ceil(ahead) !== hour) {
      hour = Math.ceil(ahead);
      const kept = keptAfter(ahead);
      skills = all.map((_, model) => {
        return skillOf(squared[model]?.[column]) * (model < seasonal.length ? 1 - kept : kept);
      });
      shares = sharesOf(all, skills, actual, { column, ahead });
    }
    for (const [i, row] of wanted.entries()) {
      for (let model = 0; model < all.length; model += 1) {
        values[model] = all[model]?.[row]?.[column] ?? Number.NaN;
      }
      const word = said[i];
      if (word !== undefined) word[column] = meanOf(values, shares, skills);
    }
  });
  return said;
}

/** Each column's mean squared error, of those near it together; NaN where it was never tried. */
function meanSquares(rows: Predictions, { actual, hours, near }: Trials): Float64Array {
  const columns = hours.length;
  // Sums from the first column on: what is near is a difference of two.
  const [sums, counts] = [new Float64Array(columns + 1), new Float64Array(columns + 1)];
  for (let column = 0; column < columns; column += 1) {
    let [sum, count] = [0, 0];
    for (let row = 0; row < actual.length; row += 1) {
      const error = (actual[row]?.[column] ?? Number.NaN) - (rows[row]?.[column] ?? Number.NaN);
      if (Number.isNaN(error)) continue;
      sum += error * error;
      count += 1;
    }
    sums[column + 1] = (sums[column] ?? 0) + sum;
    counts[column + 1] = (counts[column] ?? 0) + count;
  }
  return Float64Array.from({ length: columns }, (_, column) => {
    const [from, to] = [Math.max(0, column - near), Math.min(columns, column + near + 1)];
    const count = (counts[to] ?? 0) - (counts[from] ?? 0);
    const sum = (sums[to] ?? 0) - (sums[from] ?? 0);
    return count === 0 ? Number.NaN : Math.max(0, sum) / count;
  });
}

/** One over the square of a mean squared error; 0 where there was no trial. */
function skillOf(squared = Number.NaN): number {
  return Number.isNaN(squared) ? 0 : 1 / ((squared + 1) * (squared + 1));
}

/** The shares of a column, which add up to 1; all 0 where nobody was tried. */
function sharesOf(
  all: readonly Predictions[],
  skills: readonly number[],
  actual: readonly Float64Array[],
  { column, ahead }: { readonly column: number; readonly ahead: number },
): number[] {
  const total = skills.reduce((sum, skill) => sum + skill, 0);
  if (!(total > 0)) return skills.map(() => 0);
  const wanted = skills.map((skill) => skill / total);
  // Who was never tried has no errors that could be compared.
  const tried = all.flatMap((_, model) => ((skills[model] ?? 0) > 0 ? [model] : []));
  const { sums, count } = productsOf(all, tried, actual, column);
  if (count === 0) return wanted;
  const pull = (pullTrials * ahead * apartOf(sums)) / count;
  const shares = tried.map((model) => wanted[model] ?? 0);
  const start = [...shares];
  for (let round = 0; round < roundsMax; round += 1) {
    if (!exchange(shares, start, sums, pull)) break;
  }
  const settled = new Map(tried.map((model, i) => [model, shares[i] ?? 0]));
  return all.map((_, model) => settled.get(model) ?? 0);
}

/** Sums of the products of two models' errors, over the trials in which all could say something. */
function productsOf(
  all: readonly Predictions[],
  tried: readonly number[],
  actual: readonly Float64Array[],
  column: number,
) {
  const count = tried.length;
  const sums = tried.map(() => new Float64Array(count));
  const errors = new Float64Array(count);
  let trials = 0;
  for (let row = 0; row < actual.length; row += 1) {
    const came = actual[row]?.[column] ?? Number.NaN;
    // NaN where one of them could say nothing.
    let known = came;
    for (let i = 0; i < count; i += 1) {
      const error = came - (all[tried[i] ?? 0]?.[row]?.[column] ?? Number.NaN);
      errors[i] = error;
      known += error;
    }
    if (Number.isNaN(known)) continue;
    trials += 1;
    for (let i = 0; i < count; i += 1) {
      const line = sums[i];
      for (let j = 0; line !== undefined && j <= i; j += 1) {
        line[j] = (line[j] ?? 0) + (errors[i] ?? 0) * (errors[j] ?? 0);
      }
    }
  }
  for (const [i, line] of sums.entries()) {
    for (let j = i + 1; j < count; j += 1) line[j] = sums[j]?.[i] ?? 0;
  }
  return { sums, count: trials };
}

/** How far apart two models are: the mean of the sums of their squared differences. */
function apartOf(sums: readonly Float64Array[]): number {
  let [sum, pairs] = [0, 0];
  sums.forEach((line, i) => {
    for (let j = 0; j < i; j += 1) {
      sum += (line[i] ?? 0) + (sums[j]?.[j] ?? 0) - 2 * (line[j] ?? 0);
      pairs += 1;
    }
  });
  return pairs === 0 ? 0 : sum / pairs;
}

/** Each two shares exchange what lowers the squared error and the distance from the start; whether any did. */
function exchange(
  shares: number[],
  start: readonly number[],
  sums: readonly Float64Array[],
  pull: number,
): boolean {
  let moved = false;
  for (let i = 0; i < shares.length; i += 1) {
    for (let j = 0; j < i; j += 1) {
      const [own, other] = [shares[i] ?? 0, shares[j] ?? 0];
      const both = (sums[i]?.[i] ?? 0) + (sums[j]?.[j] ?? 0) - 2 * (sums[i]?.[j] ?? 0);
      const curve = both + 2 * pull;
      if (!(curve > 0)) continue;
      const slope = slopeOf(shares, sums, j) - slopeOf(shares, sums, i);
      const back = pull * (other - (start[j] ?? 0) - own + (start[i] ?? 0));
      const step = Math.max(-own, Math.min(other, (slope + back) / curve));
      if (Math.abs(step) < shareLeast) continue;
      shares[i] = own + step;
      shares[j] = other - step;
      moved = true;
    }
  }
  return moved;
}

function slopeOf(shares: readonly number[], sums: readonly Float64Array[], i: number): number {
  const line = sums[i];
  let sum = 0;
  for (let j = 0; j < shares.length; j += 1) sum += (line?.[j] ?? 0) * (shares[j] ?? 0);
  return sum;
}

/**
 * The mean by shares of those that can say something, by their single skills where none of these has a share,
 * and where nobody was tried the first word there is.
 */
function meanOf(
  values: Float64Array,
  shares: readonly number[],
  skills: readonly number[],
): number {
  for (const weights of [shares, skills]) {
    let [sum, total] = [0, 0];
    for (let model = 0; model < values.length; model += 1) {
      const [value, weight] = [values[model] ?? Number.NaN, weights[model] ?? 0];
      if (Number.isNaN(value) || weight === 0) continue;
      sum += weight * value;
      total += weight;
    }
    if (total > 0) return sum / total;
  }
  return values.find((value) => !Number.isNaN(value)) ?? Number.NaN;
}

/** By multiplications, and a straight line within an hour: the same bits everywhere. */
function keptAfter(hours: number): number {
  let kept = 1;
  let left = hours;
  for (; left >= 1; left -= 1) kept *= keptPerHour;
  return kept * (1 - left * (1 - keptPerHour));
}
