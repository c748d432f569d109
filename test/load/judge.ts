import type { Sample } from "./result.ts";
import type { Tip } from "./site.ts";
import type { UnitEnd } from "./unit.ts";

/** What a run left behind. */
export type Remains = {
  readonly ends: readonly UnitEnd[];
  readonly ledgers: readonly { readonly height: number; readonly tips: ReadonlyMap<string, Tip> }[];
  readonly samples: readonly Sample[];
  readonly restarts: number;
};

/** Of what a member holds after the first third; caches fill until then. */
const growthMax = 0.1;
/** Runs that are shorter say nothing about memory. */
const samplesMin = 30;

/**
 * What must not be, in words: a reading that is missing on a ledger or there twice, one without a
 * receipt, a process that ended, memory that grows. A meter's head names all readings before it, so
 * equal heads are equal readings.
 */
export function judge(remains: Remains): string[] {
  const { ends, ledgers, restarts } = remains;
  const waiting = ends.reduce((sum, end) => sum + end.waiting, 0);
  const lost = ledgers.flatMap(({ tips }, i) => {
    const other = ends.filter(({ meter, next, head }) => {
      const tip = tips.get(meter);
      return next === 1 ? tip !== undefined : tip?.next !== next || tip.head !== head;
    });
    const [first] = other;
    if (first === undefined) return [];
    const stands = tips.get(first.meter)?.next ?? "nothing";
    return [
      `member ${i + 1}: ${other.length} meters stand elsewhere than their units, ${first.meter} at ${stands} instead of ${first.next}`,
    ];
  });
  return [
    ...lost,
    ...(waiting > 0 ? [`${waiting} batches have no receipt`] : []),
    ...(restarts > 0 ? [`members ended and were started again: ${restarts}`] : []),
    ...growth(remains.samples),
  ];
}

function growth(samples: readonly Sample[]): string[] {
  if (samples.length < samplesMin) return [];
  const third = Math.floor(samples.length / 3);
  const members = samples[0]?.members ?? [];
  return members.flatMap((_, i) => {
    const held = (part: readonly Sample[]) =>
      median(part.map((one) => one.members[i]?.residentMb ?? 0));
    const before = held(samples.slice(third, 2 * third));
    const after = held(samples.slice(2 * third));
    if (after <= before * (1 + growthMax)) return [];
    return [`member ${i + 1} grew from ${before} to ${after} MB`];
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
