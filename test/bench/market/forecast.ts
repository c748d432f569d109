/** A day of hours for a thousand meters; `npm run bench -- forecast` says more about it. */
import { forecast } from "@busbar/protocol/forecast";
import { dayTree } from "../../../aggregator/market/forecast/day-tree.ts";
import { house } from "../../../protocol/forecast/test-series.ts";
import { type Figure, inTurns } from "./measure.ts";

const meters = 1_000;
const hourMs = 3_600_000;

export function forecastFigures(): Figure[] {
  const all = Array.from({ length: meters }, (_, seed) => house(28, { seed, slotMs: hourMs }));
  const now = (all[0]?.start ?? 0) + (27 * 24 + 12) * hourMs;
  const ask = { now, from: now + 12 * hourMs, count: 24 };
  const day = () => {
    for (const series of all) {
      if (forecast(series, ask, dayTree)?.length !== ask.count) throw new Error("no forecast");
    }
  };
  const name = "forecast, 1,000 meters, a day of 24 hours";
  return [{ name, value: inTurns({ day }, 3).day, unit: "ms" }];
}
