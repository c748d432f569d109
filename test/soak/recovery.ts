import type { Look } from "./sample.ts";

/** From the end of a fault until all must be as it was before, on a machine that has the time for it. */
export const recoverySMax = 120;

type Expected = { readonly members: readonly string[]; readonly meters: readonly string[] };

/** Whether nothing lacks any more of what `goal` saw when the faults were over. */
export function isRecovered(goal: Look, now: Look, expected: Expected): boolean {
  return whatLacks(goal, now, expected).length === 0;
}

/**
 * What lacks until all is as before the fault, in words: every member answers and has come as far as the farthest one
 * was when the fault was over; every meter was read since, and all that was read until then has its receipt.
 */
export function whatLacks(goal: Look, now: Look, { members, meters }: Expected): string[] {
  const farthest = Math.max(0, ...goal.heights.values());
  return [
    ...members.flatMap((name) => {
      const height = now.heights.get(name);
      if (height === undefined) return [`${name} does not answer`];
      return height < farthest ? [`${name} is at height ${height} of ${farthest}`] : [];
    }),
    ...meters.flatMap((meter) => {
      const [taken, committed] = [now.taken.get(meter), now.committed.get(meter)];
      if (taken === undefined || committed === undefined)
        return [`${meter}'s unit does not answer`];
      const before = goal.taken.get(meter) ?? 0;
      if (taken <= before) return [`${meter} was not read since`];
      return committed < before ? [`${meter} has receipts for ${committed} of ${before}`] : [];
    }),
  ];
}
