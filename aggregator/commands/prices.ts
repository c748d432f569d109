import { readFileSync } from "node:fs";
import { Failure, microPerKwh } from "@busbar/protocol";
import type { Command } from "commander";
import { type Day, parseDays } from "../market/day/day-file.ts";
import {
  type DayOptions,
  type HourPrices,
  type Objective,
  pricesOfDay,
  worstError,
} from "../market/day/day-prices.ts";
import { type Band, channels, type PriceRules, type Prices } from "../market/game/channels.ts";
import { checkRules } from "../market/game/game.ts";

/** Options of `busbar-aggregator prices`. */
export type PricesOptions = {
  readonly day: string;
  readonly date?: string;
  readonly weights: string;
  readonly companyBand: string;
  readonly bureauBand: string;
  readonly subsidy: string;
  /** Forecast values where the file has them, else real ones, when it is left out. */
  readonly use?: string;
  readonly objective: string;
  readonly seed: string;
  readonly json: boolean;
};

/** Largest day file that is read: a year of hours fits several times. */
const bytesMax = 8_000_000;

/**
 * `busbar-aggregator prices`: exact and colony prices of each hour of a day file.
 * Throws: `Failure` `prices.usage`, `prices.file`, `prices.date`, `day-file.*`.
 */
export function pricesCommand(options: PricesOptions, write: (line: string) => void): void {
  const rules = rulesFrom(options);
  const day = pick(parseDays(readDay(options.day)), options);
  const asked: DayOptions = {
    rules,
    use: usedOf(day, options),
    objective: choice("--objective", options.objective, ["bargaining", "as-printed"]),
    seed: options.seed,
  };
  const hours = pricesOfDay(day, asked);
  if (options.json) write(JSON.stringify(jsonOf(day, hours, asked)));
  else for (const line of tableOf(day, hours, asked)) write(line);
}

function rulesFrom({ weights, companyBand, bureauBand, subsidy }: PricesOptions): PriceRules {
  const [company, bureau, user, ...more] = weights.split(":").map(plain);
  if (company === undefined || bureau === undefined || user === undefined || more.length > 0) {
    throw usage("--weights", "three integers as in 3:3:1 (company : bureau : users)", weights);
  }
  const rules: PriceRules = {
    bands: {
      company: band("--company-band", companyBand),
      bureau: band("--bureau-band", bureauBand),
    },
    weights: { company, bureau, user },
    subsidyPermille: Math.round(plain(subsidy) * 1e6) / 1e3,
  };
  try {
    checkRules(rules);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Failure("prices.usage", error.message, { retry: "never", cause: error });
  }
  return rules;
}

function band(option: string, text: string): Band {
  const [low, high, ...more] = text.split(":").map(plain);
  const price = (value: number | undefined) => value !== undefined && value >= 0 && value <= 1000;
  if (low === undefined || high === undefined || !price(low) || !price(high) || more.length > 0) {
    throw usage(option, "two prices in currency/kWh as in 0.5:0.7", text);
  }
  const micro = (value: number) => microPerKwh(Math.round(value * 1_000_000));
  return [micro(low), micro(high)];
}

/** A plain decimal, or NaN: `Number` also takes an empty text and hexadecimal. */
const plain = (text: string) => (/^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN);

function readDay(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file === "-" ? 0 : file);
  } catch (cause) {
    throw new Failure("prices.file", `cannot read ${file}: ${String(cause)}`, {
      retry: "never",
      cause,
    });
  }
  if (bytes.length > bytesMax) {
    const message = `${file}: expected at most ${bytesMax} bytes, got ${bytes.length}`;
    throw new Failure("prices.file", message, { retry: "never" });
  }
  return bytes.toString("utf8");
}

function pick(days: readonly Day[], { date, day: file }: PricesOptions): Day {
  const found = date === undefined ? days[0] : days.find((day) => day.date === date);
  if (found !== undefined) return found;
  const known = days.map((day) => day.date || "one without a date").join(", ");
  throw new Failure("prices.date", `--date: ${file} has ${known}; got ${date}`, { retry: "never" });
}

function usedOf({ hours }: Day, { use, day: file }: PricesOptions): "forecast" | "real" {
  const has = (kind: "forecast" | "real") => hours[0]?.[kind] !== undefined;
  const used = choice("--use", use ?? (has("forecast") ? "forecast" : "real"), [
    "forecast",
    "real",
  ]);
  if (has(used)) return used;
  throw usage("--use", `the kind of values that ${file} has`, used);
}

function choice<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((word) => word === text);
  if (found === undefined) throw usage(option, known.join(" or "), text);
  return found;
}

function usage(option: string, expected: string, got: string): Failure {
  return new Failure("prices.usage", `${option}: expected ${expected}, got ${got}`, {
    retry: "never",
  });
}

function jsonOf(day: Day, hours: readonly HourPrices[], { rules, use, objective }: DayOptions) {
  const { company, bureau, user } = rules.weights;
  return {
    date: day.date || null,
    use,
    objective: objective satisfies Objective,
    weights: `${company}:${bureau}:${user}`,
    units: { energy: "kWh", price: "currency/kWh" },
    worstError: objective === "bargaining" ? worstError(hours) / 1e6 : null,
    hours: hours.map(({ hour, quantities, exact, colony }) => ({
      hour,
      kwh: Object.fromEntries(channels.map((channel) => [channel, quantities[channel] / 1000])),
      exact: decimals(exact),
      colony: colony === undefined ? null : decimals(colony),
    })),
  };
}

/** Prices in currency/kWh; null is "not traded". */
function decimals(prices: Prices) {
  const value = (price: number | undefined) => (price === undefined ? null : price / 1e6);
  return { cg: value(prices.cg), cu: value(prices.cu), gc: value(prices.gc), gu: value(prices.gu) };
}

function tableOf(
  day: Day,
  hours: readonly HourPrices[],
  { rules, use, objective }: DayOptions,
): string[] {
  const { company, bureau, user } = rules.weights;
  const title = [day.date, `${use} values`, `weights ${company}:${bureau}:${user}`, objective];
  const head = [
    "hour",
    ...channels.map(arrow).flatMap((name) => [`${name} kWh`, "exact", "colony"]),
  ];
  const rows = hours.map(({ hour, quantities, exact, colony }) => [
    hour,
    ...channels.flatMap((channel) => [
      quantities[channel] === 0 ? "–" : (quantities[channel] / 1000).toFixed(1),
      shown(exact[channel]),
      shown(colony?.[channel]),
    ]),
  ]);
  const widths = head.map((name, i) =>
    Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join("  ");
  const end =
    objective === "bargaining"
      ? [`colony at most ${(worstError(hours) / 1e6).toFixed(6)} currency/kWh from exact`]
      : ["eq. 10–12 as printed, to compare only: nothing on the ledger uses them"];
  return [
    title.filter((part) => part !== "").join(", "),
    "prices in currency/kWh; – is not traded",
    line(head),
    ...rows.map(line),
    ...end,
  ];
}

const shown = (price: number | undefined) => (price === undefined ? "–" : (price / 1e6).toFixed(6));

/** `gu` as G→U. */
export function arrow(channel: string): string {
  return `${channel[0]?.toUpperCase()}→${channel[1]?.toUpperCase()}`;
}

/** Adds `prices` to the program. */
export function addPricesCommand(program: Command): void {
  program
    .command("prices")
    .description("exact and colony prices of each hour of a day file; needs no ledger")
    .requiredOption(
      "--day <file>",
      "CSV of hourly kW: hour, pv, wind, own_load, users_load; - reads standard input",
    )
    .option("--date <date>", "which day, where the file has a column date (default: its first)")
    .option("--weights <g:c:u>", "bargaining weights of company, bureau and users", "3:3:1")
    .option("--company-band <low:high>", "prices that the company may ask (eq. 13)", "0.5:0.7")
    .option("--bureau-band <low:high>", "prices that the bureau may ask (eq. 13)", "0.4:0.6")
    .option("--subsidy <factor>", "the factor of eq. 3, 6 and 8", "0.05")
    .option("--use <values>", "forecast or real (default: forecast where the file has it)")
    .option(
      "--objective <which>",
      "bargaining, or as-printed: eq. 10–12 as printed, to compare",
      "bargaining",
    )
    .option("--seed <text>", "stands for the previous block's hash", "busbar")
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      `
Every column may stand twice, as …_real and …_forecast; any text after the names is ignored, so
pv_real_kw is one too. Prices are in currency/kWh; null, or –, is "not traded".

Examples:
  busbar-aggregator prices --day day.csv
  busbar-aggregator prices --day week.csv --date 2020-07-15 --use real --weights 1:1:1 --json`,
    )
    .action((options: PricesOptions) => pricesCommand(options, (line) => console.log(line)));
}
