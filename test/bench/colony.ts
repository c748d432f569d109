/** The ant colony beside its limits: a day of prices, its distance from the exact ones, and larger gates. */

import { microPerKwh, wh } from "@busbar/protocol";
import { gateColony, searchShares } from "../../aggregator/market/colony/colony.ts";
import { randomFrom } from "../../aggregator/market/colony/random.ts";
import { referencePrices } from "../../aggregator/market/colony/reference.ts";
import { bargain } from "../../aggregator/market/game/bargaining.ts";
import type { PriceRules, Quantities } from "../../aggregator/market/game/channels.ts";
import { priceAtShare, provenGap } from "../../aggregator/market/game/division.ts";
import { paperGame, tradedChannels } from "../../aggregator/market/game/game.ts";
import { gateGame, type Player } from "../../aggregator/market/game/players.ts";
import { allocateQuantities } from "../../aggregator/market/game/quantities.ts";
import { planTime } from "./colony/plan.ts";

export const name = "colony";
export const title =
  "Ant colony: 24 hours of reference prices, error against the exact solution, processor time by size of a gate";

const price = microPerKwh;
const rules: PriceRules = {
  bands: {
    company: [price(500_000), price(700_000)],
    bureau: [price(400_000), price(600_000)],
  },
  weights: { company: 3, bureau: 3, user: 1 },
  subsidyPermille: 50,
};
const seeds = 1000;
const sizes = [
  [1, 1, 1],
  [2, 1, 3],
  [4, 1, 5],
  [8, 2, 10],
  [12, 3, 15],
  [16, 4, 20],
  [20, 5, 25],
  [24, 2, 24],
] as const;

const limits = { medianError: 2e-4, worstError: 1e-3, dayMs: 10, gateMs: 1000, gap: 1e-3 } as const;

type Size = {
  readonly parties: number;
  readonly trades: number;
  readonly iterations: number;
  readonly milliseconds: number;
  readonly provenGap: number;
};

export async function run({ json }: { readonly json: boolean }): Promise<void> {
  const hours = situations(seeds);
  const errors = hours.flatMap((quantities, i) => errorsOf(quantities, seedOf(i)));
  errors.sort((a, b) => a - b);
  const [median = Number.NaN, worst = Number.NaN] = [errors[errors.length >> 1], errors.at(-1)];
  const days = Array.from({ length: 41 }, (_, day) =>
    timeOf(() => {
      hours.slice(24 * day, 24 * day + 24).forEach((quantities, hour) => {
        referencePrices(quantities, rules, seedOf(hour));
      });
    }),
  ).sort((a, b) => a - b);
  const day = { median: days[days.length >> 1] ?? Number.NaN, best: days[0] ?? Number.NaN };
  const gates = sizes.map(([companies, bureaus, users]) => gateOf(companies, bureaus, users));
  const plans = [...sizes.map((size) => planTime(size)), planTime([24, 2, 24], "batteries")];
  const within =
    median <= limits.medianError &&
    worst <= limits.worstError &&
    day.median <= limits.dayMs &&
    gates.every((gate) => gate.milliseconds <= limits.gateMs && gate.provenGap <= limits.gap) &&
    plans.every(
      ({ planMs, pricesMs, short }) => planMs + pricesMs <= limits.gateMs && short <= limits.gap,
    );
  if (!within) process.exitCode = 1;
  if (json) {
    const error = { median, worst };
    console.log(
      JSON.stringify({ name, seeds, prices: errors.length, error, dayMs: day, gates, plans }),
    );
    return;
  }
  console.log(`  seeds             ${seeds}, prices ${errors.length}`);
  console.log(`  median error      ${median.toExponential(1)} currency/kWh (limit 2.0e-4)`);
  console.log(`  worst error       ${worst.toExponential(1)} currency/kWh (limit 1.0e-3)`);
  console.log(
    `  a day of 24 hours ${day.median.toFixed(1)} ms median, ${day.best.toFixed(1)} ms best (limit 10 ms)`,
  );
  console.log(
    "  N + M + K parties, trades, iterations, ms a slot, proven gap (limits 1000 ms, 1e-3)",
  );
  for (const { parties, trades, iterations, milliseconds, provenGap: gap } of gates) {
    const cells = [`${parties}`, `${trades}`, `${iterations}`, milliseconds.toFixed(1)];
    console.log(`  ${cells.map((cell) => cell.padStart(7)).join("")}   ${gap.toExponential(1)}`);
  }
  console.log("  a gate of 24 slots whose parties have batteries, elastic and flexible loads:");
  console.log(
    "  parties, things, ms to plan, ms for all prices (limit 1000 ms together), short of the exact plan (limit 1e-3)",
  );
  for (const { parties, things, planMs, pricesMs, short } of plans) {
    const cells = [`${parties}`, `${things}`, planMs.toFixed(1), pricesMs.toFixed(1)];
    console.log(`  ${cells.map((cell) => cell.padStart(9)).join("")}   ${short.toExponential(1)}`);
  }
  console.log(within ? "  every limit is kept" : "  a limit is MISSED");
}

/** Of this thread's processor, in ms: what else runs on the machine does not count. */
function timeOf(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

function errorsOf(quantities: Quantities, seed: Uint8Array): number[] {
  const exact = bargain(quantities, rules);
  const game = paperGame(quantities, rules);
  const { shares } = searchShares(game, seed);
  return tradedChannels(quantities).map((channel, e) => {
    const trade = game.trades[e];
    const found = trade === undefined ? Number.NaN : priceAtShare(trade, shares[e] ?? Number.NaN);
    return Math.abs(found - (exact[channel] ?? Number.NaN));
  });
}

/** One slot of a feeder where nobody is like another, a quarter of the companies short; median of 5. */
function gateOf(companies: number, bureaus: number, users: number): Size {
  const parties = companies + bureaus + users;
  const draws = new Float64Array(4 * parties);
  randomFrom(seedOf(parties)).fillSymmetric(draws);
  let next = 0;
  const upTo = (most: number) => Math.floor((((draws[next++] ?? 0) + 1) / 2) * most);
  const many = (count: number, role: Player["role"], kwh: (i: number) => number) =>
    Array.from({ length: count }, (_, i): Player => {
      const low = 300_000 + upTo(250_000);
      const band = [price(low), price(low + 20_000 + upTo(200_000))] as const;
      return { id: `${role}-${i}`, role, kwh: kwh(i), weight: 1 + upTo(9), band };
    });
  const game = gateGame(
    [
      ...many(companies, "company", (i) => (i % 4 === 3 ? -1 - upTo(200) : 1 + upTo(400))),
      ...many(bureaus, "bureau", () => 1 + upTo(2000)),
      ...many(users, "user", () => -1 - upTo(300)),
    ],
    rules,
  );
  const search = () => searchShares(game, seedOf(0), gateColony);
  const times = Array.from({ length: 5 }, () => timeOf(search)).sort((a, b) => a - b);
  const { shares, convergence } = search();
  return {
    parties,
    trades: game.trades.length,
    iterations: convergence.gap.length,
    milliseconds: times[2] ?? Number.NaN,
    provenGap: provenGap(game, shares),
  };
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
