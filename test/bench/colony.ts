/** The ant colony beside its limits: a day of prices, and its distance from the exact ones. */
import { microPerKwh, wh } from "@busbar/protocol";
import { searchPrices } from "../../aggregator/market/colony/colony.ts";
import { randomFrom } from "../../aggregator/market/colony/random.ts";
import { referencePrices } from "../../aggregator/market/colony/reference.ts";
import { bargain } from "../../aggregator/market/game/bargaining.ts";
import type { PriceRules, Quantities } from "../../aggregator/market/game/channels.ts";
import { paperGame, tradedChannels } from "../../aggregator/market/game/game.ts";
import { allocateQuantities } from "../../aggregator/market/game/quantities.ts";

export const name = "colony";
export const title = "Ant colony: 24 hours of reference prices, error against the exact solution";

const price = microPerKwh;
const rules: PriceRules = {
  bands: {
    company: [price(500_000), price(700_000)],
    bureau: [price(400_000), price(600_000)],
  },
  weights: { company: 3, bureau: 3, user: 1 },
  subsidyPermille: 50,
};

export async function run(): Promise<void> {
  const hours = situations(1000);
  const errors = hours.flatMap((quantities, i) => errorsOf(quantities, seedOf(i)));
  errors.sort((a, b) => a - b);
  const [median = Number.NaN, worst = Number.NaN] = [errors[errors.length >> 1], errors.at(-1)];
  console.log(`  situations        ${hours.length}, prices ${errors.length}`);
  console.log(`  median error      ${median.toExponential(1)} currency/kWh (limit 2.0e-4)`);
  console.log(`  worst error       ${worst.toExponential(1)} currency/kWh (limit 1.0e-3)`);
  const times = Array.from({ length: 41 }, (_, day) =>
    timeOfDay(hours.slice(24 * day, 24 * day + 24)),
  );
  times.sort((a, b) => a - b);
  const [best = Number.NaN, middle = Number.NaN] = [times[0], times[times.length >> 1]];
  console.log(
    `  a day of 24 hours ${middle.toFixed(1)} ms median, ${best.toFixed(1)} ms best (limit 10 ms)`,
  );
}

function timeOfDay(day: readonly Quantities[]): number {
  const start = performance.now();
  day.forEach((quantities, hour) => {
    referencePrices(quantities, rules, seedOf(hour));
  });
  return performance.now() - start;
}

function errorsOf(quantities: Quantities, seed: Uint8Array): number[] {
  const exact = bargain(quantities, rules);
  const { prices } = searchPrices(paperGame(quantities, rules), seed);
  return tradedChannels(quantities).map((channel, i) =>
    Math.abs((prices[i] ?? Number.NaN) - (exact[channel] ?? Number.NaN)),
  );
}

function seedOf(n: number): Uint8Array {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, n);
  return seed;
}

/** Hours of a place like the paper's: up to 1 600 kW generated, 450 kW own load, 900 kW of users. */
function situations(count: number): Quantities[] {
  const draws = new Float64Array(3 * count);
  randomFrom(seedOf(0)).fillSymmetric(draws);
  const upTo = (most: number, at: number) => wh(Math.floor((((draws[at] ?? 0) + 1) / 2) * most));
  return Array.from({ length: count }, (_, i) =>
    allocateQuantities({
      generationWh: upTo(1_600_000, 3 * i),
      ownLoadWh: upTo(450_000, 3 * i + 1),
      usersLoadWh: upTo(900_000, 3 * i + 2),
    }),
  );
}
