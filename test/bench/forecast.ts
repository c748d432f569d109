/** Forecasts of a thousand meters: the next day's hours from four weeks of history each. */
import { cpus } from "node:os";
import { forecast, listOfDays } from "@busbar/protocol/forecast";
import { dayTree } from "../../aggregator/market/forecast/day-tree.ts";
import { house } from "../../protocol/forecast/test-series.ts";

export const name = "forecast";
export const title = "forecasts of 1 000 meters: a day of hours, and of quarters, P10 to P90";

const meters = 1_000;
const dayMs = 86_400_000;
const runs = 5;

/** Prints, or with `json` prints as one line, the times in ms. */
export async function run({ json }: { readonly json: boolean }): Promise<void> {
  const rows = [
    measured("hours", 3_600_000, meters),
    measured("quarters of an hour", 900_000, meters),
    measured("hours, without the tree", 3_600_000, meters, listOfDays),
  ];
  if (json) return console.log(JSON.stringify({ name, cpu: cpus()[0]?.model, meters, rows }));
  for (const { what, ms, perMeterUs } of rows) {
    console.log(
      `  ${what.padEnd(26)} ${ms.toFixed(0).padStart(7)} ms   ${perMeterUs.toFixed(0)} µs a meter`,
    );
  }
}

function measured(what: string, slotMs: number, count: number, index = dayTree) {
  const all = Array.from({ length: count }, (_, seed) => house(28, { seed, slotMs }));
  const now = (all[0]?.start ?? 0) + 27 * dayMs + dayMs / 2;
  const ask = { now, from: now + dayMs / 2, count: dayMs / slotMs };
  const times = Array.from({ length: runs }, () => {
    const begun = performance.now();
    for (const series of all) {
      if (forecast(series, ask, index)?.length !== ask.count) throw new Error("no forecast");
    }
    return performance.now() - begun;
  }).sort((a, b) => a - b);
  const ms = times[Math.floor(runs / 2)] ?? 0;
  return { what, ms, perMeterUs: (1_000 * ms) / count };
}
