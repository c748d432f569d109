import {
  type Gate,
  localDayStart,
  parseTimeZone,
  type Scale,
  type TimeZone,
  type UtcMs,
  utcMs,
} from "@busbar/protocol";
import { dayMinutes, type Parameters } from "../../parameters.ts";

const minuteMs = 60_000;

/** One gate that a slot passes through, all site time: opening < gate < clearing ≤ the slot's start. */
export type Pass = {
  readonly scale: Scale;
  readonly opening: UtcMs;
  readonly gate: UtcMs;
  readonly clearing: UtcMs;
};

/** The instants of one slot. A pass is cleared before the next one opens. */
export type Timetable = {
  readonly start: UtcMs;
  readonly end: UtcMs;
  readonly passes: readonly Pass[];
};

export function slotMs({ slotMinutes }: Pick<Parameters, "slotMinutes">): number {
  return slotMinutes * minuteMs;
}

/** The slot that starts at `start`. */
export function timetable(start: UtcMs, parameters: Parameters): Timetable {
  const passes = parameters.gates.flatMap((gate) => passesOf(gate, start, parameters));
  return { start, end: utcMs(start + slotMs(parameters)), passes };
}

/** Whether a gate is the slot's last: after it the bureau takes and gives what is left. */
export function isLastGate(slot: UtcMs, gate: UtcMs, parameters: Parameters): boolean {
  return timetable(slot, parameters).passes.at(-1)?.gate === gate;
}

/** Slots start at multiples of their length since 1970 UTC. */
export function isSlotStart(time: number, parameters: Parameters): boolean {
  return time % slotMs(parameters) === 0;
}

/** From the start of the first slot that lies in a span as a whole to the end of the last one. */
export function wholeSlots(
  { start, end }: { readonly start: number; readonly end: number },
  lengthMs: number,
): { readonly start: number; readonly end: number } {
  const first = Math.ceil(start / lengthMs) * lengthMs;
  return { start: first, end: Math.max(first, Math.floor(end / lengthMs) * lengthMs) };
}

/** The first slot that a chain can still trade at `time`: its last gate lies ahead. */
export function firstTradableSlot(time: UtcMs, parameters: Parameters): UtcMs {
  const length = slotMs(parameters);
  const last = parameters.gates.at(-1)?.gateMinutesBefore ?? 0;
  // No gate closes later than so long before its slots: what starts earlier is over.
  let slot = utcMs(Math.ceil((time + last * minuteMs + 1) / length) * length);
  while (!isAhead(timetable(slot, parameters).passes.at(-1), time)) slot = utcMs(slot + length);
  return slot;
}

/**
 * The pass that a slot goes on with at `time`, of those from number `from` on: the first one whose
 * gate lies ahead, else the last. Undefined where none is left.
 */
export function passAhead(
  { passes }: Timetable,
  from: number,
  time: UtcMs,
): { readonly number: number; readonly pass: Pass } | undefined {
  const at = passes.findIndex((pass, i) => i >= from && isAhead(pass, time));
  const number = at === -1 ? passes.length - 1 : at;
  const pass = passes[number];
  return pass === undefined || number < from ? undefined : { number, pass };
}

function isAhead(pass: Pass | undefined, time: UtcMs): boolean {
  return pass === undefined || pass.gate > time;
}

function passesOf(gate: Gate, slot: UtcMs, parameters: Parameters): Pass[] {
  const { scale, rounds, everyMinutes } = gate;
  const period = periodStart(slot, gate, parameters);
  return Array.from({ length: rounds }, (_, round) => {
    const earlier = (rounds - 1 - round) * everyMinutes;
    const at = (minutes: number) => utcMs(Math.max(0, period - (minutes + earlier) * minuteMs));
    return {
      scale,
      opening: at(gate.openMinutesBefore),
      gate: at(gate.gateMinutesBefore),
      clearing: at(gate.clearMinutesBefore),
    };
  });
}

/** Where the period of delivery begins that a slot lies in: a local day, or equal parts of UTC's. */
function periodStart(slot: UtcMs, { periodMinutes }: Gate, { timeZone }: Parameters): number {
  if (periodMinutes === dayMinutes) return localDayStart(zoneOf(timeZone), slot);
  const length = periodMinutes * minuteMs;
  return Math.floor(slot / length) * length;
}

/** Read once for each text: a chain has few, and asks for them for each slot. */
const zones = new Map<string, TimeZone>();

function zoneOf(text: string): TimeZone {
  const known = zones.get(text);
  if (known !== undefined) return known;
  const zone = parseTimeZone(text);
  if (zone === undefined) throw new RangeError(`parameters name a time zone that is none: ${text}`);
  zones.set(text, zone);
  return zone;
}
