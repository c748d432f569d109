import { Failure } from "@busbar/protocol";
import type { Series } from "@busbar/protocol/forecast";
import type { Day, HourPowers } from "../day/day-file.ts";

const hourMs = 3_600_000;
/** Hours of a day whose clock goes forward one. */
const hoursOfDayMin = 23;

/** A series with its name. */
export type NamedSeries = { readonly name: string; readonly series: Series };

/**
 * The hours of a day file as series: what the plants give, what loads draw (negative), and the whole
 * site. Hours follow each other as in the file; its first date says when they begin, else 1970. Dates
 * that are left out are 24 hours of which nothing is known.
 * Throws: `Failure` `day-file.hours` where an hour has no real value, where hours are left out within a
 * file of dates, and where dates do not rise.
 */
export function seriesOfDays(days: readonly Day[], file: string): NamedSeries[] {
  const start = midnightOf(days[0]?.date ?? "") ?? 0;
  const hours = days.flatMap((day, i) => {
    const before = gapBefore(days, i, file);
    return [...new Array<undefined>(before).fill(undefined), ...day.hours];
  });
  const of = (name: string, netKw: (powers: HourPowers) => number): NamedSeries => {
    const netWh = Float64Array.from(hours, (hour) => {
      if (hour === undefined) return Number.NaN;
      if (hour.real !== undefined) return Math.round(netKw(hour.real) * 1000);
      const expected =
        "real values of pv, wind, own and users to judge forecasts by, got forecasts alone";
      throw bad(file, hour.row, expected);
    });
    return { name, series: { slotMs: hourMs, start, netWh } };
  };
  return [
    of("photovoltaic", ({ pv }) => pv),
    of("wind", ({ wind }) => wind),
    of("own load", ({ own }) => 0 - own),
    of("users", ({ users }) => 0 - users),
    of("whole site", ({ pv, wind, own, users }) => pv + wind - own - users),
  ];
}

/** Hours of the dates that are left out before this one; 0 where dates say nothing. */
function gapBefore(days: readonly Day[], i: number, file: string): number {
  const [last, day] = [days[i - 1], days[i]];
  const [from, to] = [midnightOf(last?.date ?? ""), midnightOf(day?.date ?? "")];
  if (last === undefined || day === undefined || from === undefined || to === undefined) return 0;
  const row = day.hours[0]?.row ?? 0;
  if (to <= from) throw bad(file, row, `a date after ${last.date}, got ${day.date}`);
  // The first date may begin late; within the file an hour too few would move all later ones.
  if (i > 1 && last.hours.length < hoursOfDayMin) {
    const count = `${hoursOfDayMin} to 25 hours of ${last.date}`;
    throw bad(file, row, `${count} before this date, got ${last.hours.length}`);
  }
  return ((to - from) / hourMs / 24 - 1) * 24;
}

function bad(file: string, row: number, expected: string): Failure {
  const message = `${file}: row ${row}: expected ${expected}`;
  return new Failure("day-file.hours", message, { retry: "never" });
}

/** Midnight UTC of a date as `2020-07-10`; undefined for any other. */
function midnightOf(date: string): number | undefined {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
