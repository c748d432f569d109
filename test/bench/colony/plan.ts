/** A day-ahead gate in which everybody has something to move: time to plan it and to price its slots. */
import { movableMax } from "../../../aggregator/ledger/rules/market/gate-horizon.ts";
import { gateReference } from "../../../aggregator/market/colony/gate-reference.ts";
import { randomFrom } from "../../../aggregator/market/colony/random.ts";
import { paperRules } from "../../../aggregator/market/game/paper-rules.ts";
import type { Player } from "../../../aggregator/market/game/players.ts";
import { searchPlan } from "../../../aggregator/market/plan/colony-plan.ts";
import type { Horizon } from "../../../aggregator/market/plan/horizon.ts";
import { gatePlanLimits, plan, playersAfter } from "../../../aggregator/market/plan/plan.ts";

export type PlanTime = {
  readonly parties: number;
  /** Batteries, elastic demands and flexible loads. */
  readonly things: number;
  /** The colony's plan and, beside it, the exact one, as a gate makes them. */
  readonly planMs: number;
  readonly pricesMs: number;
  /** What the colony's plan lacks of the exact one's gain, as a part of it. */
  readonly short: number;
};

const seed = new Uint8Array(32).fill(5);
const slots = 24;

/** Medians of 3 runs, of this thread's processor time. `only`: everybody has a battery and nothing else. */
export function planTime(
  [companies, bureaus, users]: readonly [number, number, number],
  only?: "batteries",
): PlanTime {
  const mixed = horizonOf(companies, bureaus, users);
  const horizon = only === undefined ? mixed : withBatteries(mixed);
  const planned = timed(() => {
    plan(horizon, gatePlanLimits);
    return searchPlan(horizon, seed);
  });
  const gates = playersAfter({ horizon }, planned.result.schedule);
  const priced = timed(() => {
    for (const players of gates) gateReference(players, paperRules, seed);
  });
  const exact = plan(horizon).gain;
  return {
    parties: companies + bureaus + users,
    things: horizon.storages.length + horizon.elastic.length + horizon.flexible.length,
    planMs: planned.milliseconds,
    pricesMs: priced.milliseconds,
    short: Math.max(0, 1 - planned.result.gain / exact),
  };
}

function timed<T>(work: () => T): { readonly result: T; readonly milliseconds: number } {
  const runs = Array.from({ length: 3 }, () => {
    const before = process.threadCpuUsage();
    const result = work();
    const { user, system } = process.threadCpuUsage(before);
    return { result, milliseconds: (user + system) / 1000 };
  }).sort((a, b) => a.milliseconds - b.milliseconds);
  const [, middle] = runs;
  if (middle === undefined) throw new Error("three runs have a middle one");
  return middle;
}

/** As many batteries as a plan takes, no two alike, some of which hardly fit a day. */
function withBatteries(horizon: Horizon): Horizon {
  const [first] = horizon.slots;
  const owners = (first ?? []).flatMap(({ id, role }) => (role === "bureau" ? [] : [id]));
  const storages = Array.from({ length: movableMax }, (_, i) => ({
    owner: owners[i % owners.length] ?? "",
    capacityKwh: 3 + ((i * 37) % 100) * (i % 3 === 0 ? 10 : 1),
    startKwh: i % 4,
    chargeKw: 2 + ((i * 11) % 60),
    dischargeKw: 1 + ((i * 17) % 60),
    chargeEfficiency: 0.9 + 0.002 * i,
    dischargeEfficiency: 0.95,
  }));
  return { ...horizon, storages, elastic: [], flexible: [] };
}

/** Sun by day, loads with an evening, a bureau that is dear in the evening; nobody is like another. */
function horizonOf(companies: number, bureaus: number, users: number): Horizon {
  const draws = new Float64Array(4 * (companies + users) + (companies + users) * slots);
  randomFrom(seed).fillSymmetric(draws);
  let next = 0;
  const upTo = (most: number) => Math.floor((((draws[next++] ?? 0) + 1) / 2) * most);
  const plants = Array.from({ length: companies }, (_, i) => ({
    id: `g${i}`,
    peak: 50 + upTo(300),
  }));
  const homes = Array.from({ length: users }, (_, i) => ({ id: `u${i}`, base: 20 + upTo(200) }));
  const around = (t: number) => Math.max(0, Math.sin(((t - 6) / 12) * Math.PI));
  const evening = (t: number) => 1 + 0.6 * Math.exp(-(((t - 19) / 2.5) ** 2));
  const players = (t: number): Player[] => [
    ...plants.map(({ id, peak }, i): Player => {
      const kwh = Math.round(peak * (around(t) - 0.25)) + upTo(20);
      return { id, role: "company", kwh, weight: 1 + (i % 9) };
    }),
    ...Array.from({ length: bureaus }, (_, i): Player => {
      return { id: `c${i}`, role: "bureau", kwh: 100 + i };
    }),
    ...homes.map(({ id, base }, i): Player => {
      return {
        id,
        role: "user",
        kwh: -Math.round(base * evening(t)) - 1 - upTo(10),
        weight: 1 + (i % 7),
      };
    }),
  ];
  return {
    hours: 1,
    slots: Array.from({ length: slots }, (_, t) => players(t)),
    costs: Array.from({ length: bureaus }, (_, i) => ({
      owner: `c${i}`,
      perKwh: Array.from({ length: slots }, (__, t) => 0.2 * evening(t)),
      slope: 0.0002,
    })),
    storages: plants.map(({ id, peak }) => ({
      owner: id,
      capacityKwh: peak,
      startKwh: peak / 2,
      chargeKw: peak / 3,
      dischargeKw: peak / 3,
      chargeEfficiency: 0.95,
      dischargeEfficiency: 0.93,
    })),
    elastic: homes
      .filter((_, i) => i % 2 === 0)
      .map(({ id, base }) => ({
        owner: id,
        worth: 0.3,
        slope: 0.01,
        downKwh: base / 5,
        upKwh: base / 5,
      })),
    flexible: homes
      .filter((_, i) => i % 2 === 1)
      .map(({ id, base }) => ({
        owner: id,
        kwh: base / 2,
        from: 0,
        to: slots - 1,
        maxKw: base / 4,
      })),
  };
}
