import { Failure } from "@busbar/protocol";
import type { Series } from "@busbar/protocol/forecast";
import type { Day, HourPowers } from "../day/day-file.ts";

const hourMs = 3_600_000;

/** A series with its name. */
export type NamedSeries = { readonly name: string; readonly series: Series };

/**
 * The hours of a day file as series: what the plants give, what loads draw (negative), and the whole
 * site. Hours follow each other as in the file; its first date says when they begin, else 1970.
 * Throws: `Failure` `day-file.hours` where an hour has no real value.
 */
export function seriesOfDays(days: readonly Day[]): NamedSeries[] {
  const hours = days.flatMap((day) => day.hours);
  const start = startOf(days[0]?.date ?? "");
  const of = (name: string, netKw: (powers: HourPowers) => number): NamedSeries => {
    const netWh = Float64Array.from(hours, ({ real, row }) => {
      if (real !== undefined) return Math.round(netKw(real) * 1000);
      const message = `row ${row}: expected real values of pv, wind, own and users to judge forecasts by, got forecasts alone`;
      throw new Failure("day-file.hours", message, { retry: "never" });
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

/** Midnight UTC of a date as `2020-07-10`; 1970 for any other. */
function startOf(date: string): number {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}
