/** The market beside its limits, and its k-d tree beside peers. */
import { clearingFigures } from "./market/clearing.ts";
import { colonyFigures } from "./market/colony.ts";
import { forecastFigures } from "./market/forecast.ts";
import { show } from "./market/measure.ts";
import { treeFigures } from "./market/trees.ts";

export const name = "market";
export const title =
  "Market: colony, forecasts, clearing, and the k-d tree beside peers (processor time; some minutes)";

export async function run({ json }: { readonly json: boolean }): Promise<void> {
  const all = [];
  for (const part of [colonyFigures, forecastFigures, clearingFigures, treeFigures]) {
    const figures = part();
    if (!json) for (const figure of figures) show(figure);
    all.push(...figures);
  }
  if (json) console.log(JSON.stringify(all));
  if (all.some(({ value, limit }) => limit !== undefined && !(value <= limit))) {
    process.exitCode = 1;
  }
}
