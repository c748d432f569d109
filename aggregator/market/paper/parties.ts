/** What the paper's eq. 9 promises and its experiment leaves out: many parties, and hours that are coupled. */
import { microPerKwh } from "@busbar/protocol";
import { gateColony, searchShares } from "../colony/colony.ts";
import { randomFrom } from "../colony/random.ts";
import type { Day } from "../day/day-file.ts";
import { planOfDay } from "../day/day-plan.ts";
import { powersOf, seedOf } from "../day/day-prices.ts";
import { paperRules } from "../game/paper-rules.ts";
import { gateGame, type Player } from "../game/players.ts";

/** One gate of N companies, M bureaus and K users, and how near the colony came. */
export type GateSize = {
  readonly companies: number;
  readonly bureaus: number;
  readonly users: number;
  readonly trades: number;
  readonly iterations: number;
  readonly gap: number;
};

const sizes = [
  [1, 1, 2],
  [4, 1, 5],
  [8, 2, 10],
  [20, 5, 25],
] as const;

/** Gates where nobody is like another: energy, weights and bands of their own, every fourth company short. */
export function manyParties(name: string): GateSize[] {
  return sizes.map(([companies, bureaus, users]) => {
    const draws = new Float64Array(4 * (companies + bureaus + users));
    randomFrom(seedOf(name, "parties", String(companies))).fillSymmetric(draws);
    let next = 0;
    const upTo = (most: number) => Math.floor((((draws[next++] ?? 0) + 1) / 2) * most);
    const many = (count: number, role: Player["role"], kwh: (i: number) => number) =>
      Array.from({ length: count }, (_, i): Player => {
        const low = 350_000 + upTo(150_000);
        const band = [microPerKwh(low), microPerKwh(low + 50_000 + upTo(150_000))] as const;
        return { id: `${role}-${i}`, role, kwh: kwh(i), weight: 1 + upTo(9), band };
      });
    const players = [
      ...many(companies, "company", (i) => (i % 4 === 3 ? -1 - upTo(200) : 1 + upTo(400))),
      ...many(bureaus, "bureau", () => 1 + upTo(2000)),
      ...many(users, "user", () => -1 - upTo(300)),
    ];
    const game = gateGame(players, paperRules);
    const { gap } = searchShares(game, seedOf(name, "gate"), gateColony).convergence;
    const about = { companies, bureaus, users, trades: game.trades.length };
    return { ...about, iterations: gap.length, gap: gap.at(-1) ?? 0 };
  });
}

/** A day's energy drawn from the bureau, as it is and once its assets are used; gains in currency. */
export type PlannedDay = {
  readonly asItIs: readonly number[];
  readonly planned: readonly number[];
  readonly level: readonly number[];
  readonly gain: number;
  readonly exactGain: number;
};

/** A battery of 300 kWh at the company and 50 kWh an hour of loads of the users that follow the cost. */
export function plannedDay(day: Day, use: "real" | "forecast", name: string): PlannedDay {
  const asItIs = day.hours.map((hour) => {
    const { pv, wind, own, users } = powersOf(hour, use);
    return own + users - pv - wind;
  });
  const assets = {
    costs: [{ owner: "bureau", perKwh: asItIs.map(() => 0.3), slope: 0.0005 }],
    storages: [
      {
        owner: "company",
        capacityKwh: 300,
        startKwh: 150,
        chargeKw: 100,
        dischargeKw: 100,
        chargeEfficiency: 0.95,
        dischargeEfficiency: 0.95,
      },
    ],
    elastic: [{ owner: "users", worth: 0.45, slope: 0.01, downKwh: 50, upKwh: 50 }],
    flexible: [],
  };
  const { schedule, gain, exactGain } = planOfDay(day, assets, { use, seed: name });
  const level = [...(schedule.stored[0] ?? [])];
  return { asItIs, planned: [...schedule.drawKwh], level, gain, exactGain };
}
