import type { UtcMs } from "@busbar/protocol";
import { array, field, id, instant, int, record, type TypeOf } from "@busbar/protocol/schema";
import type { State, StateReader } from "../../state/state.ts";
import { table } from "../../state/table.ts";

/** Slots that follow each other without a gap: those that start in [from, to). */
const run = record("waited-run", {
  from: field(1, instant),
  to: field(2, instant),
  stepMs: field(3, int(60_000, 3_600_000)),
});
type Run = TypeOf<typeof run>;

const waitedRecord = record("waited", {
  owner: field(1, id),
  runs: field(2, array(run, 1, 100_000)),
});

/**
 * `waiting/<owner>`: the slots that a party is not settled for, oldest first. They follow each other but where
 * one was never traded, so that an entry is as small after a month of silence as after a slot.
 */
export const waitedSlots = table("waiting", waitedRecord);

/** The slots that a party is waited for, oldest first. */
export function* slotsWaitedFor(state: StateReader, owner: string): Iterable<UtcMs> {
  for (const { from, to, stepMs } of runsOf(state, owner)) {
    for (let slot = from; slot < to; slot = (slot + stepMs) as UtcMs) yield slot;
  }
}

/** Whether a party is waited for in a slot. */
export function isWaitedFor(state: StateReader, owner: string, slot: number): boolean {
  return runsOf(state, owner).some((one) => holds(one, slot));
}

/** How many slots that start in [from, to) a party is waited for. */
export function countWaitedFor(
  state: StateReader,
  owner: string,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  let count = 0;
  for (const one of runsOf(state, owner)) {
    const before = (end: number) => {
      const within = Math.min(Math.max(end, one.from), one.to) - one.from;
      return Math.ceil(within / one.stepMs);
    };
    count += Math.max(0, before(to) - before(from));
  }
  return count;
}

/** Waits for a party in one slot more, which is `lengthMs` long; nothing happens where it is waited for in it. */
export function waitFor(
  state: State,
  owner: string,
  { slot, lengthMs: stepMs }: { readonly slot: UtcMs; readonly lengthMs: number },
): void {
  const runs = runsOf(state, owner);
  if (runs.some((one) => holds(one, slot))) return;
  const end = (slot + stepMs) as UtcMs;
  const at = runs.findLastIndex(({ from }) => from < slot) + 1;
  const [before, after] = [runs[at - 1], runs[at]];
  const joins = before?.to === slot && before.stepMs === stepMs;
  const leads = after?.from === end && after.stepMs === stepMs;
  const added: Run = {
    from: joins ? before.from : slot,
    to: leads ? after.to : end,
    stepMs,
  };
  const rest = [runs.slice(0, joins ? at - 1 : at), runs.slice(leads ? at + 1 : at)] as const;
  put(state, owner, [...rest[0], added, ...rest[1]]);
}

/** Waits no longer for a party in its `count` oldest slots. */
export function waitNoMore(state: State, owner: string, count: number): void {
  let left = count;
  const rest: Run[] = [];
  for (const one of runsOf(state, owner)) {
    const gone = Math.min(left, (one.to - one.from) / one.stepMs);
    left -= gone;
    const from = (one.from + gone * one.stepMs) as UtcMs;
    if (from < one.to) rest.push({ ...one, from });
  }
  if (count > 0) put(state, owner, rest);
}

function runsOf(state: StateReader, owner: string): readonly Run[] {
  return waitedSlots.get(state, owner)?.runs ?? [];
}

function holds({ from, to, stepMs }: Run, slot: number): boolean {
  return slot >= from && slot < to && (slot - from) % stepMs === 0;
}

function put(state: State, owner: string, runs: readonly Run[]): void {
  if (runs.length === 0) waitedSlots.delete(state, owner);
  else waitedSlots.set(state, owner, { owner, runs });
}
