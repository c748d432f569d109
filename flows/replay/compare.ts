import type { Point, Replayed } from "./headless.ts";

/** What one end of a flow did over the day. */
export type EndSummary = {
  readonly messages: number;
  /** Of numbers, weighted by how long each held; undefined where there are none. */
  readonly mean: number | undefined;
  readonly least: number | undefined;
  readonly most: number | undefined;
  /** Hours that a true or a number above 0 held. */
  readonly hoursOn: number;
};

/** One end in both flows; undefined where a flow has none of that name. */
export type EndComparison = {
  readonly end: string;
  readonly before: EndSummary | undefined;
  readonly after: EndSummary | undefined;
  /** Hours in which the two held different values. */
  readonly hoursApart: number;
  /** When they first differ, site ms. */
  readonly firstApart: number | undefined;
};

const hourMs = 3_600_000;

/** Compares what two flows made of one day. `until`: where the day ends, site ms. */
export function compareReplays(
  before: Replayed,
  after: Replayed,
  { from, until }: { readonly from: number; readonly until: number },
): readonly EndComparison[] {
  const names = [...new Set([...before.ends.keys(), ...after.ends.keys()])].sort();
  return names.map((end) => {
    const [old, now] = [before.ends.get(end), after.ends.get(end)];
    const apart = differences(old ?? [], now ?? [], until);
    return {
      end,
      before: old && summary(old, until),
      after: now && summary(now, until),
      hoursApart: apart.ms / hourMs,
      firstApart: apart.first === undefined ? undefined : Math.max(from, apart.first),
    };
  });
}

/** What an end did. A value holds until the next one, the last one until the day's end. */
export function summary(points: readonly Point[], until: number): EndSummary {
  let [weight, sum, onMs] = [0, 0, 0];
  const numbers: number[] = [];
  for (const [i, { at, value }] of points.entries()) {
    const held = Math.max(0, (points[i + 1]?.at ?? until) - at);
    const number = typeof value === "boolean" ? Number(value) : value;
    if (typeof number !== "number" || !Number.isFinite(number)) continue;
    numbers.push(number);
    weight += held;
    sum += number * held;
    if (number > 0) onMs += held;
  }
  const last = numbers.at(-1);
  return {
    messages: points.length,
    mean: weight > 0 ? sum / weight : last,
    least: numbers.length === 0 ? undefined : numbers.reduce((a, b) => Math.min(a, b)),
    most: numbers.length === 0 ? undefined : numbers.reduce((a, b) => Math.max(a, b)),
    hoursOn: onMs / hourMs,
  };
}

function differences(a: readonly Point[], b: readonly Point[], until: number) {
  const times = [...new Set([...a, ...b].map(({ at }) => at))].sort((x, y) => x - y);
  let [i, j, ms] = [-1, -1, 0];
  let first: number | undefined;
  for (const [k, at] of times.entries()) {
    while ((a[i + 1]?.at ?? Number.POSITIVE_INFINITY) <= at) i += 1;
    while ((b[j + 1]?.at ?? Number.POSITIVE_INFINITY) <= at) j += 1;
    if (JSON.stringify(a[i]?.value) === JSON.stringify(b[j]?.value)) continue;
    first ??= at;
    ms += (times[k + 1] ?? until) - at;
  }
  return { ms, first };
}
