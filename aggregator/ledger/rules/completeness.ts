import {
  addDay,
  completenessDays,
  completenessMonths,
  dayId,
  dayKeepMs,
  dayMs,
  monthId,
  monthsKept,
  noCounts,
  slotCode,
} from "../completeness.ts";
import { type Boundary, boundaryAt } from "../slots.ts";
import type { State } from "../state/state.ts";

/** A meter's slots, by the community's length of a slot. */
export type SlotsOf = { readonly meter: string; readonly slotMs: number };

const silent = slotCode("missing", "silent");
const began = slotCode("missing", "began");
const unallocated = slotCode("missing", "unallocated");
const measured = slotCode("measured", "read");
const corrected = slotCode("estimated", "corrected");
const meterAway = slotCode("missing", "meter-away");
const suspended = slotCode("missing", "suspended");

/**
 * Notes what the boundaries that a reading settled make of their slots. `since`: the oldest instant
 * that is still recorded.
 */
export function completeSlots(
  state: State,
  slots: SlotsOf,
  { written, since }: { readonly written: readonly number[]; readonly since: number },
): void {
  const { meter, slotMs } = slots;
  const ended = written.map((end) => end - slotMs).filter((slot) => slot >= since);
  mark(state, slots, ended, (slot, before) => {
    const from = boundaryAt(state, meter, slot);
    const to = boundaryAt(state, meter, slot + slotMs);
    if (from !== undefined && to !== undefined) return knownSlot(from, to, { before, slotMs });
    return before === unallocated || before === corrected ? before : began;
  });
}

/** Notes that the unit could not read its meter at `time`: both slots that meet there lack it. */
export function meterAwayAt(
  state: State,
  slots: SlotsOf,
  { time, since }: { readonly time: number; readonly since: number },
): void {
  const list = starts(Math.max(0, time - 1), time, slots.slotMs).filter((slot) => slot >= since);
  mark(state, slots, list, (_, before) => (before === silent ? meterAway : before));
}

/** Notes that the meter's unit was suspended in [from, to): where nothing else is known, that is why. */
export function suspendedSlots(
  state: State,
  slots: SlotsOf,
  { from, to, since }: { readonly from: number; readonly to: number; readonly since: number },
): void {
  const list = starts(Math.max(from, since), to - 1, slots.slotMs);
  mark(state, slots, list, (_, before) => (before === silent ? suspended : before));
}

/** What a slot's energy is worth of which both boundaries are known. */
export function knownSlot(
  from: Boundary,
  to: Boundary,
  { before, slotMs }: { readonly before: number; readonly slotMs: number },
): number {
  if (from.restarts !== to.restarts || from.method === "reset" || to.method === "reset") {
    return slotCode("estimated", "restarted");
  }
  if (from.substituted === 1 || to.substituted === 1) return slotCode("estimated", "substituted");
  if (from.gapMs <= slotMs && to.gapMs <= slotMs) return measured;
  if (before === meterAway) return slotCode("estimated", "meter-away");
  return slotCode("estimated", before === suspended ? "suspended" : "unit-away");
}

/** Writes slots' bytes, in ascending order; each entry once. */
export function mark(
  state: State,
  slots: SlotsOf,
  list: readonly number[],
  decide: (slot: number, before: number) => number,
): void {
  for (let next = 0; next < list.length; ) {
    const id = dayId(slots.meter, list[next] ?? 0);
    const day: number[] = [];
    for (; next < list.length && dayId(slots.meter, list[next] ?? 0) === id; next++) {
      day.push(list[next] ?? 0);
    }
    markDay(state, slots, { id, day, decide });
  }
}

function markDay(
  state: State,
  { meter, slotMs }: SlotsOf,
  {
    id,
    day,
    decide,
  }: { id: string; day: readonly number[]; decide: (slot: number, before: number) => number },
): void {
  const stored = completenessDays.get(state, id);
  const slots = stored?.slots.slice() ?? new Uint8Array(dayMs / slotMs);
  let changed = false;
  for (const slot of day) {
    const place = Math.floor((slot % dayMs) / slotMs);
    const before = slots[place] ?? silent;
    const after = decide(slot, before);
    if (before === after) continue;
    slots[place] = after;
    changed = true;
  }
  if (!changed) return;
  completenessDays.set(state, id, { slotMinutes: slotMs / 60_000, slots });
  if (stored === undefined) forgetDays(state, meter);
}

/** Once a day and meter: days that are past keeping go, counted from the newest; their months' counts stay. */
function forgetDays(state: State, meter: string): void {
  const days = [...completenessDays.scan(state, `${meter}/`)];
  const newest = timeOf(days.at(-1)?.[0]);
  for (const [id, { slots }] of days) {
    if (timeOf(id) >= newest - dayKeepMs) return;
    completenessDays.delete(state, id);
    countMonth(state, meter, monthId(meter, timeOf(id)), slots);
  }
}

function countMonth(state: State, meter: string, id: string, slots: Uint8Array): void {
  const stored = completenessMonths.get(state, id);
  completenessMonths.set(state, id, { counts: addDay(stored?.counts ?? noCounts, slots) });
  if (stored !== undefined) return;
  const months = idsOf(completenessMonths.scan(state, `${meter}/`));
  for (const old of months.slice(0, -monthsKept)) completenessMonths.delete(state, old);
}

function timeOf(id: string | undefined): number {
  return Number(id?.slice(id.indexOf("/") + 1));
}

function idsOf(entries: Iterable<readonly [string, unknown]>): string[] {
  return Array.from(entries, ([id]) => id);
}

/** Starts of the slots that [from, to] touches. */
function starts(from: number, to: number, slotMs: number): number[] {
  const list: number[] = [];
  for (let slot = Math.floor(from / slotMs) * slotMs; slot <= to; slot += slotMs) list.push(slot);
  return list;
}
