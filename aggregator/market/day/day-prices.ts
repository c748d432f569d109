import { createHash } from "node:crypto";
import { microPerKwh, wh } from "@busbar/protocol";
import type { Convergence } from "../colony/colony.ts";
import { referencePrices } from "../colony/reference.ts";
import { bargain, publishedPrices } from "../game/bargaining.ts";
import { channels, type PriceRules, type Prices, type Quantities } from "../game/channels.ts";
import { printedPrices } from "../game/printed.ts";
import { allocateQuantities } from "../game/quantities.ts";
import type { Day, DayHour, HourPowers } from "./day-file.ts";

/** What the objectives are taken from: eq. 1–8, or eq. 10–12 as they are printed (to compare only). */
export type Objective = "bargaining" | "as-printed";

export type DayOptions = {
  readonly rules: PriceRules;
  /** Which of the file's values: what was known before, or what came. */
  readonly use: "real" | "forecast";
  readonly objective: Objective;
  /** Stands for the previous block's hash; each hour's seed is made of it and the hour. */
  readonly seed: string;
};

/** One hour's energy and prices. `colony` is undefined where the objective has no colony. */
export type HourPrices = {
  readonly hour: string;
  readonly quantities: Quantities;
  readonly exact: Prices;
  readonly colony: Prices | undefined;
  readonly convergence: Convergence | undefined;
};

/**
 * Exact and colony prices of each hour, for the file's energy or that of a plan.
 * Throws: `RangeError` for rules that make no sense.
 */
export function pricesOfDay(
  day: Day,
  options: DayOptions,
  planned: readonly Quantities[] = [],
): HourPrices[] {
  return day.hours.map((hour, i) => {
    const quantities = planned[i] ?? quantitiesOf(powersOf(hour, options.use));
    return pricesOfHour({ date: day.date, hour: hour.hour, quantities }, options);
  });
}

/** The greatest distance of a colony's price from the exact one, in 10⁻⁶ currency/kWh. */
export function worstError(hours: readonly HourPrices[]): number {
  return hours.reduce((worst, { exact, colony }) => {
    const errors = channels.map((channel) => {
      const [one, two] = [exact[channel], colony?.[channel]];
      return one === undefined || two === undefined ? 0 : Math.abs(one - two);
    });
    return Math.max(worst, ...errors);
  }, 0);
}

/** Energy of one hour on each channel. Units: kW over one hour, to the Wh. */
export function quantitiesOf({ pv, wind, own, users }: HourPowers): Quantities {
  return allocateQuantities({
    generationWh: wh(Math.round((pv + wind) * 1000)),
    ownLoadWh: wh(Math.round(own * 1000)),
    usersLoadWh: wh(Math.round(users * 1000)),
  });
}

/** The powers that are asked for. Throws: `RangeError` where the file has none of that kind. */
export function powersOf(hour: DayHour, use: "real" | "forecast"): HourPowers {
  const found = hour[use];
  if (found === undefined)
    throw new RangeError(`row ${hour.row}: expected ${use} values, got none`);
  return found;
}

/** The seed of an hour: 32 bytes, as a block's hash is. */
export function seedOf(...parts: readonly string[]): Uint8Array {
  return createHash("sha256").update(parts.join("/")).digest();
}

type HourEnergy = {
  readonly date: string;
  readonly hour: string;
  readonly quantities: Quantities;
};

function pricesOfHour({ date, hour, quantities }: HourEnergy, options: DayOptions): HourPrices {
  const { rules, objective, seed } = options;
  if (objective === "as-printed") {
    const exact = asPrinted(quantities, rules);
    return { hour, quantities, exact, colony: undefined, convergence: undefined };
  }
  const exact = publishedPrices(bargain(quantities, rules), rules);
  const found = referencePrices(quantities, rules, seedOf(seed, date, hour));
  return { hour, quantities, exact, colony: found.prices, convergence: found.convergence };
}

function asPrinted(quantities: Quantities, rules: PriceRules): Prices {
  const found = printedPrices(quantities, rules);
  const price = (channel: (typeof channels)[number]) =>
    quantities[channel] > 0 ? microPerKwh(Math.round(found[channel] * 1_000_000)) : undefined;
  return { cg: price("cg"), cu: price("cu"), gc: price("gc"), gu: price("gu") };
}
