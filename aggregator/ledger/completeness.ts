import type { UtcMs } from "@busbar/protocol";
import { array, bytes, field, int, record } from "@busbar/protocol/schema";
import { suspendedSince } from "./device-status.ts";
import type { StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";
import { meters } from "./tables.ts";
import { utcMonth } from "./utc-month.ts";

const most = Number.MAX_SAFE_INTEGER;
export const dayMs = 86_400_000;

/**
 * How complete a meter's slot is, and why; the place in this list is the byte that the state holds,
 * so a line is never moved or taken out.
 *
 * - `silent`: no reading has come that reaches the slot's end. `meter-away`: the unit said that the
 *   meter did not answer. `suspended`: the meter's unit was. `began`: the meter's first reading lies
 *   in the slot or at its end. `unallocated`: it lies in a gap too long to be shared out.
 * - `read`: the registers are known at both ends, from readings no further apart than a slot.
 * - `estimated` slots have their energy by straight line over a longer gap (`unit-away`, `meter-away`,
 *   `suspended` say what the gap was), from a value that the unit itself estimated (`substituted`),
 *   without what flowed before the registers began anew (`restarted`), or from the consortium's
 *   decision (`corrected`).
 */
export const slotStates = [
  { state: "missing", why: "silent" },
  { state: "missing", why: "meter-away" },
  { state: "missing", why: "suspended" },
  { state: "missing", why: "began" },
  { state: "missing", why: "unallocated" },
  { state: "measured", why: "read" },
  { state: "estimated", why: "unit-away" },
  { state: "estimated", why: "meter-away" },
  { state: "estimated", why: "suspended" },
  { state: "estimated", why: "substituted" },
  { state: "estimated", why: "restarted" },
  { state: "estimated", why: "corrected" },
] as const;

export type SlotCompleteness = (typeof slotStates)[number];

/** The byte of a state. */
export function slotCode<S extends SlotCompleteness["state"]>(
  state: S,
  why: Extract<SlotCompleteness, { state: S }>["why"],
): number {
  return slotStates.findIndex((entry) => entry.state === state && entry.why === why);
}

/** Days that a meter's slots are kept singly: as long as its boundaries. */
export const dayKeepMs = 62 * dayMs;
/** Months of which the counts are kept. */
export const monthsKept = 36;

/** `completeness/<meter>/<UTC day's start, 15 digits>`: a byte for each of the day's slots. */
export const completenessDays = table(
  "completeness",
  record("completeness-day", {
    slotMinutes: field(1, int(1, 60)),
    slots: field(2, bytes(24, 1440)),
  }),
);

/**
 * `completeness-month/<meter>/<yyyy-mm>`: how many of the month's slots were in each of the states, in days that have left
 * the state; `monthCounts` adds those that have not. Slots of which nothing is known (`silent`) are not counted.
 */
export const completenessMonths = table(
  "completeness-month",
  record("completeness-month", {
    counts: field(1, array(int(0, most), slotStates.length, slotStates.length)),
  }),
);

/** Id of the day in which `slot` starts. */
export function dayId(meter: string, slot: number): string {
  const start = Math.floor(slot / dayMs) * dayMs;
  return `${meter}/${String(start).padStart(15, "0")}`;
}

/** Id of the UTC month in which `slot` starts. */
export function monthId(meter: string, slot: number): string {
  return `${meter}/${utcMonth(slot)}`;
}

/** How many of a meter's slots of a UTC month (`yyyy-mm`) are in each of the states, without silent ones. */
export function monthCounts(state: StateReader, meter: string, month: string): readonly number[] {
  let counts = completenessMonths.get(state, `${meter}/${month}`)?.counts ?? noCounts;
  for (const [id, { slots }] of completenessDays.scan(state, `${meter}/`)) {
    if (utcMonth(Number(id.slice(meter.length + 1))) === month) counts = addDay(counts, slots);
  }
  return counts;
}

/** Nothing counted yet. */
export const noCounts: readonly number[] = slotStates.map(() => 0);

/** Counts with those of a day's slots. */
export function addDay(counts: readonly number[], slots: Uint8Array): readonly number[] {
  const sums = [...counts];
  for (const code of slots) if (code !== 0) sums[code] = (sums[code] ?? 0) + 1;
  return sums;
}

/** What the state says of a meter's slot. */
export function slotCompleteness(
  state: StateReader,
  meter: string,
  slot: UtcMs,
  slotMs: number,
): SlotCompleteness {
  const day = completenessDays.get(state, dayId(meter, slot));
  const known = slotStates[day?.slots[Math.floor((slot % dayMs) / slotMs)] ?? 0] ?? slotStates[0];
  if (known.why !== "silent") return known;
  const device = meters.get(state, meter)?.device;
  const since = device === undefined ? undefined : suspendedSince(state, device);
  // Written when it is resumed: until then its own entry says it for all of its meters.
  return since !== undefined && since < slot + slotMs
    ? { state: "missing", why: "suspended" }
    : known;
}

/** How many of a meter's slots that start in [from, to) are measured, estimated, missing. */
export function countSlots(
  state: StateReader,
  meter: string,
  { from, to, slotMs }: { readonly from: number; readonly to: number; readonly slotMs: number },
): { readonly measured: number; readonly estimated: number; readonly missing: number } {
  const counts = { measured: 0, estimated: 0, missing: 0 };
  let [start, slots] = [-1, new Uint8Array()];
  for (let slot = Math.ceil(from / slotMs) * slotMs; slot < to; slot += slotMs) {
    const day = Math.floor(slot / dayMs);
    if (day !== start) {
      start = day;
      slots = completenessDays.get(state, dayId(meter, slot))?.slots.slice() ?? new Uint8Array();
    }
    const known = slotStates[slots[Math.floor((slot % dayMs) / slotMs)] ?? 0];
    counts[known?.state ?? "missing"] += 1;
  }
  return counts;
}
