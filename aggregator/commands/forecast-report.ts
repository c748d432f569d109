import { readFileSync, statSync, writeFileSync } from "node:fs";
import { Failure, parseTimeZone, type UtcMs, utcOffsetMs } from "@busbar/protocol";
import { historySlots, type Series } from "@busbar/protocol/forecast";
import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { type Parameters, parametersTable } from "../ledger/parameters.ts";
import { siteNets } from "../ledger/rules/market/tables.ts";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { slotHistory } from "../ledger/slots.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { connections } from "../ledger/tables.ts";
import { parseDays } from "../market/day/day-file.ts";
import { type NamedSeries, seriesOfDays } from "../market/forecast/from-days.ts";
import { type HorizonSkill, horizonsOf, skillOf } from "../market/forecast/skill.ts";
import { cells, type ForecastReport, forecastPage, modelNames } from "./forecast-page.ts";
import { withLedger } from "./transaction.ts";

export type ForecastOptions = {
  readonly file?: string;
  readonly config?: string;
  readonly html?: string;
  readonly json: boolean;
};

const bytesMax = 8_000_000;

/** Adds `busbar-aggregator forecast report`. */
export function addForecastCommand(program: Command): void {
  program
    .command("forecast")
    .description("how well slots are forecast")
    .command("report")
    .description(
      "forecasts of a past lived again, against persistence: of a file, or of a member's own ledger",
    )
    .option(
      "--file <csv>",
      "hours with the columns of busbar-aggregator prices --day: pv, wind, own_load, users_load in kW",
    )
    .option(
      "--config <file>",
      "the aggregator whose ledger's meters are looked at, instead of a file",
    )
    .option("--html <file>", "write a page with charts, too")
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      "\nExamples:\n  busbar-aggregator forecast report --file week.csv --html week.html\n  busbar-aggregator forecast report --config .busbar/aggregator/member-1/aggregator.yaml",
    )
    .action((options) => forecastReport(options, (line) => console.log(line)));
}

/**
 * Prints how well a past would have been forecast.
 * Throws: `Failure` `forecast.usage`, `forecast.file`, `forecast.short`, `day-file.*`, `config.*`.
 */
export function forecastReport(options: ForecastOptions, write: (line: string) => void): void {
  const { source, all, offsetMs } = sourceOf(options);
  const series = all.flatMap(({ name, series }) => {
    const horizons = horizonsOf(series.slotMs).flatMap(
      (one) => skillOf(series, one, offsetMs) ?? [],
    );
    return horizons.length === 0 ? [] : [{ name, horizons, real: realOf(series) }];
  });
  if (series.length === 0) {
    const message = `${source}: expected more than two days of slots, so that forecasts can be judged; wait until there are`;
    throw new Failure("forecast.short", message, { retry: "later" });
  }
  const report = { source, series };
  if (options.html !== undefined) writePage(options.html, forecastPage(report));
  if (options.json) return write(JSON.stringify(jsonOf(report)));
  for (const line of textOf(report)) write(line);
}

function sourceOf({ file, config }: ForecastOptions) {
  if ((file === undefined) === (config === undefined)) {
    const message = "expected either --file with a CSV file, or --config with an aggregator.yaml";
    throw new Failure("forecast.usage", message, { retry: "never" });
  }
  if (file !== undefined) {
    return { source: file, all: fromFile(file), offsetMs: undefined };
  }
  const loaded = loadConfig(config ?? "");
  return withLedger(loaded, ({ store }) => {
    const parameters = parametersTable.get(store.state, "current");
    if (parameters === undefined) throw new Error("genesis wrote the parameters");
    const zone = parseTimeZone(parameters.timeZone);
    const offsetMs = (time: number) => (zone === undefined ? 0 : utcOffsetMs(zone, time));
    return { source: config ?? "", all: fromState(store.state, parameters), offsetMs };
  });
}

function fromFile(file: string): NamedSeries[] {
  let text: string;
  try {
    if (statSync(file).size > bytesMax) throw new Error(`more than ${bytesMax} bytes`);
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const message = `${file}: cannot be read (${cause instanceof Error ? cause.message : cause})`;
    throw new Failure("forecast.file", message, { retry: "never", cause });
  }
  return seriesOfDays(parseDays(text, file), file);
}

function writePage(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (cause) {
    const message = `${file}: cannot be written (${cause instanceof Error ? cause.message : cause})`;
    throw new Failure("forecast.file", message, { retry: "never", cause });
  }
}

/** Each meter that connects somebody to the feeder, and all companies and all users together. */
function fromState(state: StateReader, parameters: Parameters): NamedSeries[] {
  const slotMs = parameters.slotMinutes * 60_000;
  const meters = new Set(Array.from(connections.scan(state), ([, { meter }]) => meter));
  const own = [...meters].sort().flatMap((meter) => meterSeries(state, meter, slotMs) ?? []);
  return [...own, ...siteSeries(state, slotMs)];
}

function meterSeries(state: StateReader, meter: string, slotMs: number): NamedSeries | undefined {
  const known = meterStates.get(state, meter);
  if (known?.oldestBoundary === undefined || known.energyTime === undefined) return undefined;
  const end = Math.floor(known.energyTime / slotMs) * slotMs;
  const first = Math.ceil(known.oldestBoundary / slotMs) * slotMs;
  const start = Math.max(first, end - 2 * historySlots(slotMs) * slotMs);
  const count = Math.max(0, (end - start) / slotMs);
  const slots = slotHistory(state, meter, start as UtcMs, { count, slotMs });
  const netWh = Float64Array.from(slots, (slot) =>
    slot === undefined ? Number.NaN : slot.exportWh - slot.importWh,
  );
  return { name: `meter ${meter}`, series: { slotMs, start, netWh } };
}

function siteSeries(state: StateReader, slotMs: number): NamedSeries[] {
  const known = Array.from(siteNets.scan(state), ([id, net]) => ({ start: Number(id), ...net }));
  const [first, last] = [known[0]?.start, known.at(-1)?.start];
  if (first === undefined || last === undefined) return [];
  const of = (name: string, wh: (net: (typeof known)[number]) => number): NamedSeries => {
    const netWh = new Float64Array((last - first) / slotMs + 1).fill(Number.NaN);
    for (const net of known) netWh[(net.start - first) / slotMs] = wh(net);
    return { name, series: { slotMs, start: first, netWh } };
  };
  return [
    of("all companies", ({ companies, companyWh }) => (companies === 0 ? Number.NaN : companyWh)),
    of("all users", ({ users, userWh }) => (users === 0 ? Number.NaN : userWh)),
  ];
}

function realOf({ slotMs, start, netWh }: Series) {
  return Array.from(netWh, (wh, i) => ({ start: start + i * slotMs, netWh: wh })).filter(
    ({ netWh: wh }) => !Number.isNaN(wh),
  );
}

function jsonOf({ source, series }: ForecastReport) {
  const plain = ({ said: _, ...skill }: HorizonSkill) => skill;
  return {
    source,
    series: series.map(({ name, horizons }) => ({ name, horizons: horizons.map(plain) })),
  };
}

function* textOf({ source, series }: ForecastReport): Generator<string> {
  yield `Forecasts of ${source}, each from what was known at its time; errors are means in Wh a slot, skill against persistence.`;
  for (const one of series) {
    yield "";
    yield one.name;
    const heads = ["gate", "slots", "persist.", "mix", "skill", ...modelNames(one), "P10-P90"];
    yield row(heads);
    for (const skill of one.horizons) yield row(cells(skill));
  }
}

const row = (texts: readonly string[]) =>
  `  ${texts.map((text, i) => (i === 0 ? text.padEnd(10) : text.padStart(14))).join("")}`;
