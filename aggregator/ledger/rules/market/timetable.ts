import { type UtcMs, utcMs } from "@busbar/protocol";
import type { Parameters } from "../../parameters.ts";

const minuteMs = 60_000;

/** The instants of one slot, all site time: opening ≤ gate ≤ clearing ≤ start < end. */
export type Timetable = {
  readonly start: UtcMs;
  readonly end: UtcMs;
  readonly opening: UtcMs;
  readonly gate: UtcMs;
  readonly clearing: UtcMs;
};

export function slotMs({ slotMinutes }: Parameters): number {
  return slotMinutes * minuteMs;
}

/** The slot that starts at `start`. */
export function timetable(start: UtcMs, parameters: Parameters): Timetable {
  const before = (minutes: number) => utcMs(Math.max(0, start - minutes * minuteMs));
  return {
    start,
    end: utcMs(start + slotMs(parameters)),
    opening: before(parameters.openMinutesBefore),
    gate: before(parameters.gateMinutesBefore),
    clearing: before(parameters.clearMinutesBefore),
  };
}

/** Slots start at multiples of their length since 1970 UTC. */
export function isSlotStart(time: number, parameters: Parameters): boolean {
  return time % slotMs(parameters) === 0;
}

/** The first slot that a chain can still trade at `time`: its gate lies ahead. */
export function firstTradableSlot(time: UtcMs, parameters: Parameters): UtcMs {
  const length = slotMs(parameters);
  const earliest = time + parameters.gateMinutesBefore * minuteMs + 1;
  return utcMs(Math.ceil(earliest / length) * length);
}
