import { localDayStart, type TimeZone, type UtcMs, utcMs, utcOffsetMs } from "@busbar/protocol";

/** A local month: [from, to) in ms since 1970 UTC. */
export type Period = { readonly from: number; readonly to: number };

/** A local day of a month, of 23, 24 or 25 hours. */
export type LocalDay = Period & { readonly date: string; readonly hours: number };

/**
 * How long after its beginning a month can still be billed: a settled slot stays in the state for 62 days, less
 * two that its gates lie ahead, and one more to be sure. Afterwards that a state holds nothing of a slot says
 * nothing of what was settled in it.
 */
export const billableMs = 59 * 86_400_000;

const hourMs = 3_600_000;
const form = /^(\d{4})-(0[1-9]|1[0-2])$/;

/** The local month that a text such as 2026-03 names; undefined for what names none. */
export function monthPeriod(text: string, zone: TimeZone): Period | undefined {
  const [, year, month] = form.exec(text) ?? [];
  if (year === undefined || Number(year) < 1971) return undefined;
  const first = (ahead: number) => {
    // Noon of the first is that day wherever clocks are turned.
    const noon = Date.UTC(Number(year), Number(month) - 1 + ahead, 1, 12);
    return localDayStart(zone, noon - utcOffsetMs(zone, noon));
  };
  return { from: first(0), to: first(1) };
}

/** The starts of a period's slots. */
export function* slotsIn({ from, to }: Period, lengthMs: number): Iterable<UtcMs> {
  for (let at = Math.ceil(from / lengthMs) * lengthMs; at < to; at += lengthMs) yield utcMs(at);
}

/** The days of a period, in order. */
export function daysOf({ from, to }: Period, zone: TimeZone): LocalDay[] {
  const days: LocalDay[] = [];
  for (let start = from; start < to; ) {
    const next = localDayStart(zone, start + 30 * hourMs);
    days.push({ date: dateOf(start, zone), from: start, to: next, hours: (next - start) / hourMs });
    start = next;
  }
  return days;
}

/** 2026-03-29, by the zone's clock. */
export function dateOf(time: number, zone: TimeZone): string {
  return new Date(time + utcOffsetMs(zone, time)).toISOString().slice(0, 10);
}

/** 2026-03-29 02:15 +02:00, by the zone's clock: the offset tells the two hours apart that are one. */
export function localTime(time: number, zone: TimeZone): string {
  const offset = utcOffsetMs(zone, time);
  const text = new Date(time + offset).toISOString().slice(0, 16).replace("T", " ");
  const minutes = Math.abs(offset) / 60_000;
  const two = (value: number) => String(value).padStart(2, "0");
  const sign = offset < 0 ? "-" : "+";
  return `${text} ${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
