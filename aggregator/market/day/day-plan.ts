import { wh } from "@busbar/protocol";
import type { Quantities } from "../game/channels.ts";
import type { Player } from "../game/players.ts";
import { allocateQuantities } from "../game/quantities.ts";
import { searchPlan } from "../plan/colony-plan.ts";
import { plan, playersAfter } from "../plan/plan.ts";
import type { Schedule } from "../plan/schedule.ts";
import type { Assets } from "./assets.ts";
import type { Day } from "./day-file.ts";
import { powersOf, seedOf } from "./day-prices.ts";

/** A day once its assets are used: each hour's energy, the schedule, and what both searches gain. */
export type DayPlan = {
  readonly quantities: readonly Quantities[];
  readonly schedule: Schedule;
  readonly gain: number;
  readonly exactGain: number;
};

/**
 * The colony's plan of a day's batteries, elastic demand and flexible loads, beside the exact one.
 * Throws: `RangeError` for assets that make no sense (see `checkHorizon`).
 */
export function planOfDay(
  day: Day,
  assets: Assets,
  { use, seed }: { readonly use: "real" | "forecast"; readonly seed: string },
): DayPlan {
  const slots = day.hours.map((hour): Player[] => {
    const { pv, wind, own, users } = powersOf(hour, use);
    return [
      { id: "company", role: "company", kwh: pv + wind - own },
      { id: "bureau", role: "bureau", kwh: 1 },
      { id: "users", role: "user", kwh: -users },
    ];
  });
  const horizon = { hours: 1, slots, ...assets };
  const { schedule, gain } = searchPlan(horizon, seedOf(seed, day.date, "plan"));
  const quantities = playersAfter({ horizon }, schedule).map((players) => {
    const net = (id: string) => Math.round((players.find((one) => one.id === id)?.kwh ?? 0) * 1000);
    // What users' batteries give beyond their own need goes where the company's surplus goes.
    const surplus = net("company") + Math.max(0, net("users"));
    return allocateQuantities({
      generationWh: wh(Math.max(0, surplus)),
      ownLoadWh: wh(Math.max(0, -surplus)),
      usersLoadWh: wh(Math.max(0, -net("users"))),
    });
  });
  return { quantities, schedule, gain, exactGain: plan(horizon).gain };
}
