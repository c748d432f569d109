/** A date of the proleptic Gregorian calendar; month and day from 1. */
export type Calendar = { readonly year: number; readonly month: number; readonly day: number };

/**
 * Days from 1970-01-01 to a date, in integers, with years that begin in March. (No `Date`: what
 * members compute must not depend on a machine.)
 */
export function daysFromDate({ year, month, day }: Calendar): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  return era * 146_097 + yearOfEra * 365 + leapDays + dayOfYear - 719_468;
}

/** The year that holds a day, counted from 1970-01-01. */
export function yearOfDay(days: number): number {
  let year = 1970 + Math.floor(days / 366);
  while (daysFromDate({ year: year + 1, month: 1, day: 1 }) <= days) year += 1;
  while (daysFromDate({ year, month: 1, day: 1 }) > days) year -= 1;
  return year;
}

/** 0 = Sunday, as POSIX has it; 1970-01-01 was a Thursday. */
export function weekdayOf(days: number): number {
  return (((days + 4) % 7) + 7) % 7;
}
