import { readFileSync } from "node:fs";
import { Failure, microPerKwh } from "@busbar/protocol";
import type { Command } from "commander";
import { parseAssets } from "../market/day/assets.ts";
import { type Day, parseDays } from "../market/day/day-file.ts";
import { type DayPlan, planOfDay } from "../market/day/day-plan.ts";
import { type DayOptions, pricesOfDay } from "../market/day/day-prices.ts";
import type { Band, PriceRules } from "../market/game/channels.ts";
import { checkRules } from "../market/game/game.ts";
import { historyOf, jsonOf, planJson, planLine, tableOf } from "./prices-output.ts";

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
  /** A file of batteries, elastic demand and flexible loads to be planned first. */
  readonly assets?: string;
  readonly objective: string;
  readonly seed: string;
  readonly json: boolean;
  /** With JSON: each search's proven gap, evaporation and pheromone after each iteration. */
  readonly history?: boolean;
};

/** Largest day file that is read: a year of hours fits several times. */
const bytesMax = 8_000_000;

/**
 * `busbar-aggregator prices`: exact and colony prices of each hour of a day file.
 * Throws: `Failure` `prices.usage`, `prices.file`, `prices.date`, `prices.assets`, `assets.*`, `day-file.*`.
 */
export function pricesCommand(options: PricesOptions, write: (line: string) => void): void {
  const rules = rulesFrom(options);
  const day = pick(parseDays(readText(options.day), options.day), options);
  const asked: DayOptions = {
    rules,
    use: usedOf(day, options),
    objective: choice("--objective", options.objective, ["bargaining", "as-printed"]),
    seed: options.seed,
  };
  const planned = options.assets === undefined ? undefined : planFrom(options.assets, day, asked);
  const hours = pricesOfDay(day, asked, planned?.quantities);
  if (options.json) {
    const plan = planned === undefined ? {} : { plan: planJson(planned) };
    const history = options.history ? { histories: hours.map(historyOf) } : {};
    write(JSON.stringify({ ...jsonOf(day, hours, asked), ...plan, ...history }));
    return;
  }
  for (const line of tableOf(day, hours, asked)) write(line);
  if (planned !== undefined) write(planLine(planned));
}

function planFrom(file: string, day: Day, asked: DayOptions): DayPlan {
  const assets = parseAssets(file, readText(file), day);
  try {
    return planOfDay(day, assets, asked);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Failure("prices.assets", `${file}: ${error.message}`, {
      retry: "never",
      cause: error,
    });
  }
}

function rulesFrom({ weights, companyBand, bureauBand, subsidy }: PricesOptions): PriceRules {
  const [company, bureau, user, ...more] = weights.split(":").map(plain);
  if (!isNumber(company) || !isNumber(bureau) || !isNumber(user) || more.length > 0) {
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
  const [low, high, ...more] = text.split(":").map(signed);
  const price = (value: number | undefined) => value !== undefined && Math.abs(value) <= 1000;
  if (low === undefined || high === undefined || !price(low) || !price(high) || more.length > 0) {
    throw usage(option, "two prices in currency/kWh as in 0.5:0.7", text);
  }
  const micro = (value: number) => microPerKwh(Math.round(value * 1_000_000));
  return [micro(low), micro(high)];
}

/** A plain decimal, or NaN: `Number` also takes an empty text and hexadecimal. */
const plain = (text: string) => (/^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN);

const signed = (text: string) => (text.startsWith("-") ? 0 - plain(text.slice(1)) : plain(text));

const isNumber = (value: number | undefined): value is number =>
  value !== undefined && !Number.isNaN(value);

function readText(file: string): string {
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
    .option(
      "--assets <file>",
      "plan batteries, elastic demand and flexible loads of this file first",
    )
    .option("--seed <text>", "stands for the previous block's hash", "busbar")
    .option("--json", "print the result as JSON", false)
    .option("--history", "with --json: also how each hour's search went", false)
    .addHelpText(
      "after",
      `
Every column may stand twice, as …_real and …_forecast; any text after the names is ignored, so
pv_real_kw is one too. Prices are in currency/kWh; null, or –, is "not traded".

Examples:
  busbar-aggregator prices --day day.csv
  busbar-aggregator prices --day week.csv --date 2020-07-15 --use real --weights 1:1:1 --json
  busbar-aggregator prices --day day.csv --assets assets.yaml

An assets file says what the bureau's next kWh costs it, and what can be moved (owners: company, users):
  cost: { perKwh: 0.3, slope: 0.0005 }
  storages:
    - { owner: company, capacityKwh: 200, chargeKw: 50, dischargeKw: 50 }
  elastic:
    - { owner: users, worth: 0.5, slope: 0.01, downKwh: 20, upKwh: 20 }
  flexible:
    - { owner: users, kwh: 80, from: 9, to: 17, maxKw: 20 }`,
    )
    .action((options: PricesOptions) => pricesCommand(options, (line) => console.log(line)));
}
