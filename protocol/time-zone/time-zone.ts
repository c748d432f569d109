import { type Calendar, daysFromDate, weekdayOf, yearOfDay } from "./calendar.ts";

/**
 * When clocks are turned, as a POSIX TZ text says it (IEEE 1003.1, the `M` form): `UTC0`,
 * `CET-1CEST,M3.5.0,M10.5.0/3`, `CST-8`. A name of a place would need tables that differ from machine
 * to machine; this is all in the text.
 */
export type TimeZone = {
  /** Local time minus UTC, ms. */
  readonly standardMs: number;
  /** Absent where clocks are never turned. */
  readonly summer?: { readonly offsetMs: number; readonly from: Turn; readonly to: Turn };
};

/** The day and the time, by the clock that is turned, at which it is turned. */
type Turn = {
  readonly month: number;
  readonly week: number;
  readonly weekday: number;
  readonly timeMs: number;
};

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const name = "(?:[A-Za-z]{3,10}|<[A-Za-z0-9+-]{3,10}>)";
const offset = "([+-]?\\d{1,2}(?::[0-5]\\d)?)";
const turn = "M(\\d{1,2})\\.([1-5])\\.([0-6])(?:/([+-]?\\d{1,3}(?::[0-5]\\d)?))?";
const form = new RegExp(`^${name}${offset}(?:${name}${offset}?,${turn},${turn})?$`);

/** Longest text that is looked at. */
export const timeZoneTextMax = 64;

/** Reads a POSIX TZ text; undefined for what is none, or one in another form. */
export function parseTimeZone(text: string): TimeZone | undefined {
  if (text.length > timeZoneTextMax) return undefined;
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, standard = "", summer, ...turns] = match;
  // POSIX counts west of Greenwich as positive.
  const standardMs = 0 - msOf(standard);
  if (Math.abs(standardMs) > 15 * hourMs) return undefined;
  if (turns[0] === undefined) return { standardMs };
  const [from, to] = [turnOf(turns.slice(0, 4)), turnOf(turns.slice(4))];
  if (from === undefined || to === undefined) return undefined;
  const offsetMs = summer === undefined ? standardMs + hourMs : 0 - msOf(summer);
  if (Math.abs(offsetMs) > 15 * hourMs) return undefined;
  return { standardMs, summer: { offsetMs, from, to } };
}

/** Local time minus UTC at an instant (ms since 1970 UTC), in ms. */
export function utcOffsetMs({ standardMs, summer }: TimeZone, time: number): number {
  if (summer === undefined) return standardMs;
  const year = yearOfDay(Math.floor((time + standardMs) / dayMs));
  const from = instantOf(summer.from, year, standardMs);
  const to = instantOf(summer.to, year, summer.offsetMs);
  const isSummer = from < to ? time >= from && time < to : time >= from || time < to;
  return isSummer ? summer.offsetMs : standardMs;
}

/** The first instant of the local day that holds an instant: such a day has 23, 24 or 25 hours. */
export function localDayStart(zone: TimeZone, time: number): number {
  const midnight = Math.floor((time + utcOffsetMs(zone, time)) / dayMs) * dayMs;
  const near = midnight - utcOffsetMs(zone, time);
  return midnight - utcOffsetMs(zone, near);
}

function turnOf([month = "", week = "", weekday = "", time = "2"]: (string | undefined)[]):
  | Turn
  | undefined {
  const timeMs = msOf(time);
  if (Number(month) < 1 || Number(month) > 12 || Math.abs(timeMs) > 167 * hourMs) return undefined;
  return { month: Number(month), week: Number(week), weekday: Number(weekday), timeMs };
}

function msOf(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  const [hours = "0", minutes = "0"] = text.replace(/^[+-]/, "").split(":");
  return sign * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

/** When a clock that shows `offsetMs` more than UTC comes to its turn in a year. */
function instantOf({ month, week, weekday, timeMs }: Turn, year: number, offsetMs: number): number {
  const first: Calendar = { year, month, day: 1 };
  const firstDay = daysFromDate(first);
  const ahead = (weekday - weekdayOf(firstDay) + 7) % 7;
  const next = daysFromDate(
    month === 12 ? { year: year + 1, month: 1, day: 1 } : { year, month: month + 1, day: 1 },
  );
  let day = firstDay + ahead + 7 * (week - 1);
  // The fifth one is the last, be it the fourth.
  while (day >= next) day -= 7;
  return day * dayMs + timeMs - offsetMs;
}
