import type { Past } from "./series.ts";

/**
 * Where days are looked up by what they were like; a k-d tree, or a list of few. Neighbours are ordered
 * by squared distance, then by id, so any two indexes answer alike.
 */
export type DayIndex = (dimension: number) => {
  insert(id: number, point: Float64Array): void;
  nearestMany(
    point: Float64Array,
    most: number,
  ): readonly { readonly id: number; readonly squared: number }[];
};

/** The days most like the one that ends at an origin, the nearest first. */
export type Neighbours = {
  readonly origin: number;
  readonly days: readonly { readonly at: number; readonly squared: number }[];
};

/** Parts into which the 24 hours before a time are cut. */
const parts = 8;
/** Days that are looked up: more than speak, for what came of the newest is not known yet. */
const most = 9;

/** The days before each of the origins (oldest first) that were most like it, at the same time of day. */
export function neighboursOf(
  { past, origins }: { readonly past: Past; readonly origins: readonly number[] },
  makeIndex: DayIndex,
): Neighbours[] {
  const wanted = new Set(origins);
  const found = new Map<number, Neighbours>();
  for (let i = origins.length - 1; i >= 0; i -= 1) {
    const last = origins[i] ?? 0;
    if (found.has(last)) continue;
    // The same time on all days there are, oldest first; each is looked up before it is put in.
    const index = makeIndex(parts);
    for (const at of sameTimes(past, last)) {
      const point = pointOf(past, at);
      if (wanted.has(at) && !found.has(at)) {
        const near = point === undefined ? [] : index.nearestMany(point, most);
        found.set(at, { origin: at, days: near.map(({ id, squared }) => ({ at: id, squared })) });
      }
      if (point !== undefined) index.insert(at, point);
    }
  }
  return origins.map((origin) => found.get(origin) ?? { origin, days: [] });
}

/** The same time on all days that a day of history goes before, oldest first. */
function sameTimes(past: Past, last: number): number[] {
  const times: number[] = [];
  for (let back = 0; ; back += 1) {
    const at = past.daysBack(last, back);
    if (at < past.perDay) return times.reverse();
    times.push(at);
  }
}

/**
 * What a day was like: means of the eighths of the 24 hours before a time; the newest count most.
 * Undefined where more than half of an eighth is missing.
 */
function pointOf(past: Past, at: number): Float64Array | undefined {
  const point = new Float64Array(parts);
  const length = past.perDay / parts;
  for (let part = 0; part < parts; part += 1) {
    const from = Math.round(at - past.perDay + part * length);
    const to = Math.max(from + 1, Math.round(at - past.perDay + (part + 1) * length));
    let [sum, count] = [0, 0];
    for (let i = from; i < to; i += 1) {
      const value = past.at(i);
      if (Number.isNaN(value)) continue;
      sum += value;
      count += 1;
    }
    if (2 * count < to - from || count === 0) return undefined;
    point[part] = ((sum / count) * (part + 4)) / (parts + 3);
  }
  return point;
}

/** A list that is gone through: for few days, where no tree is at hand. */
export const listOfDays: DayIndex = () => {
  const points: { readonly id: number; readonly point: Float64Array }[] = [];
  return {
    insert: (id, point) => void points.push({ id, point }),
    nearestMany: (point, count) =>
      points
        .map(({ id, point: other }) => ({ id, squared: squaredDistance(point, other) }))
        .sort((a, b) => a.squared - b.squared || a.id - b.id)
        .slice(0, count),
  };
};

function squaredDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    sum += difference * difference;
  }
  return sum;
}
