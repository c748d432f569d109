import type { UtcMs } from "@busbar/protocol";
import { type Codec, field, int, oneOf, optional, record } from "@busbar/protocol/schema";
import { correctedSlots, meterSlotId } from "./corrections.ts";
import { groupedTable, type Part, type Place } from "./state/grouped.ts";
import type { State, StateReader } from "./state/state.ts";

const most = Number.MAX_SAFE_INTEGER;

/**
 * How a slot's energy is known: from readings at both of its boundaries, by straight line between
 * the readings around a boundary, or with registers that began anew within it (what flowed until
 * then is not in it).
 */
export type MeteringMethod = "exact" | "interpolated" | "reset";

/**
 * A meter's cumulative registers at a slot boundary, since its first reading, resets and
 * replacements bridged. `gapMs` lies between the readings that were interpolated, 0 when exact;
 * `restarts` counts how often the registers began anew before.
 */
export type Boundary = {
  readonly importWh: number;
  readonly exportWh: number;
  readonly method: MeteringMethod;
  readonly gapMs: number;
  readonly restarts: number;
  /** 1 where a reading that it rests on was estimated or substituted by the unit. */
  readonly substituted?: 1;
};

const boundary: Codec<Boundary> = record("boundary", {
  importWh: field(1, int(0, most)),
  exportWh: field(2, int(0, most)),
  method: field(3, oneOf("exact", "interpolated", "reset")),
  gapMs: field(4, int(0, most)),
  restarts: field(5, int(0, most)),
  substituted: optional(6, int<1>(1, 1)),
});

const hourMs = 3_600_000;
const minuteMs = 60_000;

/**
 * `boundary/<meter>/<hour, 15 digits>`: all of a meter's that lie in an hour, the hour's end among them; by
 * the minute. An id is `<meter>/<time, 15 digits>`.
 */
export const boundaries = groupedTable("boundary", boundary, {
  place(id) {
    const end = id.lastIndexOf("/");
    return placeOf(id.slice(0, end), Number(id.slice(end + 1)));
  },
  idOf(group, minute) {
    const end = group.lastIndexOf("/");
    return boundaryId(group.slice(0, end), Number(group.slice(end + 1)) + minute * minuteMs);
  },
  prefixOf: (idPrefix) => idPrefix.slice(0, idPrefix.lastIndexOf("/") + 1),
});

/** Id of a boundary: sorts by time within its meter. */
export function boundaryId(meter: string, time: number): string {
  return `${meter}/${String(time).padStart(15, "0")}`;
}

function placeOf(meter: string, time: number): Place {
  const hour = Math.max(0, Math.ceil(time / hourMs) - 1) * hourMs;
  return { group: boundaryId(meter, hour), part: (time - hour) / minuteMs };
}

/** A meter's boundary at an instant; undefined where it is not known. */
export function boundaryAt(state: StateReader, meter: string, time: number): Boundary | undefined {
  return boundaries.at(state, placeOf(meter, time));
}

/** Writes boundaries of a meter, in order of their times. */
export function setBoundaries(
  state: State,
  meter: string,
  list: readonly (readonly [time: number, boundary: Boundary])[],
): void {
  let [group, parts]: [string | undefined, Part<Boundary>[]] = [undefined, []];
  for (const [time, value] of list) {
    const place = placeOf(meter, time);
    if (group !== undefined && group !== place.group) {
      boundaries.setAt(state, group, parts);
      parts = [];
    }
    group = place.group;
    parts.push([place.part, value]);
  }
  if (group !== undefined) boundaries.setAt(state, group, parts);
}

/** What flowed through a meter in one slot: measured, or as the members corrected it. */
export type SlotEnergy = {
  readonly importWh: number;
  readonly exportWh: number;
  readonly method: MeteringMethod | "corrected";
};

/**
 * The energy of the half-open slot that starts at `slotStart`: what the members corrected it to, else
 * what the registers say; undefined while neither is known.
 */
export function slotEnergy(
  state: StateReader,
  meter: string,
  slotStart: UtcMs,
  slotMs: number,
): SlotEnergy | undefined {
  const corrected = correctedSlots.get(state, meterSlotId(slotStart, meter));
  if (corrected === undefined) return registerEnergy(state, meter, slotStart, slotMs);
  const { importWh, exportWh } = corrected;
  return { importWh, exportWh, method: "corrected" };
}

/**
 * What the registers say of a slot, or undefined while one of its boundaries is not known. The slots
 * of a meter add up to the difference of its registers exactly.
 */
export function registerEnergy(
  state: StateReader,
  meter: string,
  slotStart: UtcMs,
  slotMs: number,
): SlotEnergy | undefined {
  const from = boundaryAt(state, meter, slotStart);
  const to = boundaryAt(state, meter, slotStart + slotMs);
  if (from === undefined || to === undefined) return undefined;
  return {
    importWh: to.importWh - from.importWh,
    exportWh: to.exportWh - from.exportWh,
    method: methodOf(from, to),
  };
}

/**
 * Whether a boundary of a slot lies between readings that are further apart than the slot is long: then its
 * energy is shared out by time alone, and nobody can tell what flowed in it.
 */
export function isApart(
  state: StateReader,
  meter: string,
  slotStart: UtcMs,
  slotMs: number,
): boolean {
  if (correctedSlots.get(state, meterSlotId(slotStart, meter)) !== undefined) return false;
  return [slotStart, slotStart + slotMs].some((time) => {
    const boundary = boundaryAt(state, meter, time);
    return boundary !== undefined && boundary.gapMs > slotMs;
  });
}

/** `count` consecutive slots from `fromSlot` on, undefined where one is not known. */
export function slotHistory(
  state: StateReader,
  meter: string,
  fromSlot: UtcMs,
  { count, slotMs }: { readonly count: number; readonly slotMs: number },
): readonly (SlotEnergy | undefined)[] {
  return Array.from({ length: count }, (_, i) =>
    slotEnergy(state, meter, (fromSlot + i * slotMs) as UtcMs, slotMs),
  );
}

function methodOf(from: Boundary, to: Boundary): MeteringMethod {
  if (from.restarts !== to.restarts || from.method === "reset" || to.method === "reset") {
    return "reset";
  }
  return from.method === "exact" && to.method === "exact" ? "exact" : "interpolated";
}
