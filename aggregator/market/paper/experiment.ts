/** Everything that the report shows, computed; nothing here knows of HTML. */
import { wh } from "@busbar/protocol";
import { paperColony, searchShares } from "../colony/colony.ts";
import type { Day } from "../day/day-file.ts";
import { type HourPrices, powersOf, pricesOfDay, quantitiesOf, seedOf } from "../day/day-prices.ts";
import { bargain } from "../game/bargaining.ts";
import { type Channel, channels, type PriceRules, type Quantities } from "../game/channels.ts";
import { priceAtShare } from "../game/division.ts";
import { paperGame, tradedChannels } from "../game/game.ts";
import { paperNoon, paperRules, publishedNoon } from "../game/paper-rules.ts";
import { printedPrices } from "../game/printed.ts";
import { type Comparison, compareMatching } from "./books.ts";
import { type GateSize, manyParties, type PlannedDay, plannedDay } from "./parties.ts";

/** How much is tried: seeds for the convergence and for each hour's error, and random books. */
export type Effort = { readonly seeds: number; readonly books: number };

export const fullEffort: Effort = { seeds: 1000, books: 1000 };

/** One reading of the paper, at its noon. `miss` is the greater distance from the published pair. */
export type Reading = {
  readonly name: string;
  readonly cu: number;
  readonly gu: number;
  readonly miss: number;
};

export type Experiment = {
  readonly day: Day;
  readonly use: "real" | "forecast";
  readonly hours: readonly HourPrices[];
  /** Fig. 5: what the colony says of every channel; of one without energy, as if it had 1 Wh. */
  readonly best: readonly Readonly<Record<Channel, number>>[];
  readonly convergence: Spread;
  readonly pheromone: {
    readonly rho: readonly number[];
    readonly least: readonly number[];
    readonly mean: readonly number[];
  };
  /** Each hour's greatest error over all seeds, and all errors, ascending; currency/kWh. */
  readonly worstByHour: readonly number[];
  readonly errors: readonly number[];
  readonly noon: readonly Reading[];
  readonly noonColony: Readonly<Record<Channel, number | undefined>>;
  readonly matching: Comparison;
  readonly parties: readonly GateSize[];
  readonly planned: PlannedDay;
  readonly effort: Effort;
};

/** The proven gap after each iteration over all seeds: best, median and worst. */
export type Spread = {
  readonly least: readonly number[];
  readonly median: readonly number[];
  readonly most: readonly number[];
};

const name = "paper";

export function experiment(day: Day, effort: Effort = fullEffort): Experiment {
  const use = day.hours[0]?.forecast === undefined ? "real" : "forecast";
  const hours = pricesOfDay(day, { rules: paperRules, use, objective: "bargaining", seed: name });
  const errors = day.hours.map((hour) => errorsOf(quantitiesOf(powersOf(hour, use)), effort.seeds));
  return {
    day,
    use,
    hours,
    best: hours.map(({ quantities, hour }) => bestOf(quantities, hour)),
    convergence: spreadOf(effort.seeds),
    pheromone: trailsOf(),
    worstByHour: errors.map((own) => Math.max(0, ...own)),
    errors: errors.flat().sort((a, b) => a - b),
    noon: readingsOfNoon(),
    noonColony: noonByColony(),
    matching: compareMatching(effort.books, name),
    parties: manyParties(name),
    planned: plannedDay(day, use, name),
    effort,
  };
}

/** Every published reading that can be compared, nearest first. */
export function readingsOfNoon(): Reading[] {
  const weighted = (company: number, bureau: number, user: number) =>
    pairOf(bargain(paperNoon, { ...paperRules, weights: { company, bureau, user } }));
  const middle = paperGame(paperNoon, paperRules).trades.map((trade) => priceAtShare(trade, 0.5));
  const [cu = 0, gu = 0] = middle;
  const readings: readonly (readonly [string, { readonly cu: number; readonly gu: number }])[] = [
    ["bargaining, weights 3:3:1 (ours)", weighted(3, 3, 1)],
    ["bargaining, equal weights", weighted(1, 1, 1)],
    ["each seller for itself", { cu: 0.6, gu: 0.7 }],
    ["Kalai–Smorodinsky", { cu, gu }],
    ["(10)–(12) as printed", pairOf(printedPrices(paperNoon, paperRules))],
  ];
  return readings.map(([reading, pair]) => {
    const miss = Math.max(
      Math.abs(pair.cu - publishedNoon.cu),
      Math.abs(pair.gu - publishedNoon.gu),
    );
    return { name: reading, ...pair, miss };
  });
}

const pairOf = ({
  cu = 0,
  gu = 0,
}: {
  readonly cu?: number | undefined;
  readonly gu?: number | undefined;
}) => ({ cu, gu });

function noonByColony(): Record<Channel, number | undefined> {
  const found: Record<Channel, number | undefined> = {
    cg: undefined,
    cu: undefined,
    gc: undefined,
    gu: undefined,
  };
  const prices = searched(paperNoon, seedOf(name, "noon"), paperRules);
  tradedChannels(paperNoon).forEach((channel, e) => {
    found[channel] = prices[e];
  });
  return found;
}

function searched(quantities: Quantities, seed: Uint8Array, rules: PriceRules): number[] {
  const game = paperGame(quantities, rules);
  const { shares } = searchShares(game, seed);
  return game.trades.map((trade, e) => priceAtShare(trade, shares[e] ?? Number.NaN));
}

function errorsOf(quantities: Quantities, seeds: number): number[] {
  const exact = bargain(quantities, paperRules);
  const traded = tradedChannels(quantities);
  return Array.from({ length: seeds }, (_, i) => {
    const prices = searched(quantities, seedOf(name, "error", String(i)), paperRules);
    return traded.map((channel, e) =>
      Math.abs((prices[e] ?? Number.NaN) - (exact[channel] ?? Number.NaN)),
    );
  }).flat();
}

function bestOf(quantities: Quantities, hour: string): Record<Channel, number> {
  const some = (channel: Channel) => wh(Math.max(1, quantities[channel]));
  const all = { cg: some("cg"), cu: some("cu"), gc: some("gc"), gu: some("gu") };
  const [cg = 0, cu = 0, gc = 0, gu = 0] = searched(all, seedOf(name, "best", hour), paperRules);
  return { cg, cu, gc, gu };
}

/** All iterations of the paper's noon, whatever is proven before the last one. */
function spreadOf(seeds: number): Spread {
  const game = paperGame(paperNoon, paperRules);
  const settings = { ...paperColony, gapEnough: -1 };
  const gaps = Array.from(
    { length: seeds },
    (_, i) => searchShares(game, seedOf(name, "gap", String(i)), settings).convergence.gap,
  );
  const at = (iteration: number, part: number) => {
    const all = gaps.map((gap) => gap[iteration] ?? 0).sort((a, b) => a - b);
    return all[Math.floor(part * (all.length - 1))] ?? 0;
  };
  const row = (part: number) => Array.from({ length: settings.iterations }, (_, i) => at(i, part));
  return { least: row(0), median: row(0.5), most: row(1) };
}

/** ρ of eq. 14, and the ants' pheromone as parts of the strongest, over one search of noon. */
function trailsOf() {
  const settings = { ...paperColony, gapEnough: -1 };
  const { convergence } = searchShares(
    paperGame(paperNoon, paperRules),
    seedOf(name, "trails"),
    settings,
  );
  const { evaporation, pheromone } = convergence;
  const rows = Array.from(evaporation, (_, i) =>
    pheromone.subarray(i * settings.ants, (i + 1) * settings.ants),
  );
  return {
    rho: [...evaporation],
    least: rows.map((ants) => Math.min(...ants)),
    mean: rows.map((ants) => ants.reduce((sum, trail) => sum + trail, 0) / ants.length),
  };
}

/** Energies of a channel over the day, in kWh. */
export const kwhOf = (hours: readonly HourPrices[], channel: Channel): number[] =>
  hours.map(({ quantities }) => quantities[channel] / 1000);

/** Hours in which each channel is traded. */
export function tradedHours(hours: readonly HourPrices[]): Record<Channel, number> {
  const count = (channel: Channel) =>
    hours.filter(({ quantities }) => quantities[channel] > 0).length;
  const [cg = 0, cu = 0, gc = 0, gu = 0] = channels.map(count);
  return { cg, cu, gc, gu };
}
