import { parseTimeZone, utcOffsetMs } from "@busbar/protocol";
import { forecast, historySlots, targetsMax } from "@busbar/protocol/forecast";

/** What is known of the unit's net energy; positive = drawn from the grid. */
export type NetHistory = {
  /** Wh of the slot that starts at `slot` (site ms), or undefined where a boundary was not read. */
  ofSlot(slot: number): number | undefined;
  /** W at this moment, or undefined. */
  currentPower(): number | undefined;
};

/** Slots to forecast, at `now`; the time zone as a POSIX TZ text, where it is known. */
export type Wanted = {
  readonly slots: readonly number[];
  readonly slotMs: number;
  readonly now: number;
  readonly timeZone: string | undefined;
};

/**
 * Net energy of slots to come, in Wh, positive = need: the middle of the forecast from what the unit's
 * meters showed in past slots, else the power of this moment. A slot of which nothing is known is absent.
 */
export function expectedNet(history: NetHistory, wanted: Wanted): ReadonlyMap<number, number> {
  const { slots, slotMs, now } = wanted;
  const from = Math.floor(now / slotMs) * slotMs;
  const last = slots.reduce((a, b) => Math.max(a, b), from);
  const count = Math.min(targetsMax, (last - from) / slotMs + 1);
  const outlooks = forecast(seriesBefore(history, from, slotMs), {
    now,
    from,
    count,
    offsetMs: offsetsOf(wanted.timeZone),
  });
  const power = history.currentPower();
  const still = power === undefined ? undefined : Math.round((power * slotMs) / 3_600_000);
  const expected = new Map<number, number>();
  for (const slot of slots) {
    const netWh = outlooks?.[(slot - from) / slotMs]?.p50 ?? still;
    if (netWh !== undefined) expected.set(slot, netWh);
  }
  return expected;
}

function seriesBefore(history: NetHistory, end: number, slotMs: number) {
  const count = historySlots(slotMs);
  const start = end - count * slotMs;
  const netWh = Float64Array.from(
    { length: count },
    (_, i) => history.ofSlot(start + i * slotMs) ?? Number.NaN,
  );
  return { slotMs, start, netWh };
}

function offsetsOf(text: string | undefined): (time: number) => number {
  const zone = text === undefined ? undefined : parseTimeZone(text);
  return zone === undefined ? () => 0 : (time) => utcOffsetMs(zone, time);
}
