/**
 * What batteries, elastic demands and flexible loads that owners stated do in the slots of a gate: planned by
 * the colony when the first of its slots opens, kept until the slots' last gate. So a day-ahead gate plans a
 * day, and the gates after it trade around that plan. What was stated binds for all that was planned with it:
 * a statement that replaces it counts from the next plan on, so nobody's plan stands on what others took back.
 */
import { type UtcMs, utcMs } from "@busbar/protocol";
import { type ColonyPlan, searchPlan } from "../../../market/plan/colony-plan.ts";
import { gatePlanLimits, plan } from "../../../market/plan/plan.ts";
import type { BlockContext } from "../../rule.ts";
import type { StateReader } from "../../state/state.ts";
import { movableIn, ownersAssets } from "../assets.ts";
import { type GateHorizon, horizonOf, type Step } from "./gate-horizon.ts";
import type { SlotPass } from "./slot-pass.ts";
import type { PartyNet } from "./slot-prices.ts";
import { plans, slotKey } from "./tables.ts";
import { slotMs, timetable } from "./timetable.ts";

/** Whether anything is stated that a gate could plan with. */
export function isAnythingMovable(state: StateReader, time: number): boolean {
  for (const [, known] of ownersAssets.scan(state)) {
    if (known.until > time && movableIn(known) > 0) return true;
  }
  return false;
}

/** What owners are planned to give in a slot beyond their forecasts, Wh. */
export function plannedOf(state: StateReader, slot: number): ReadonlyMap<string, number> {
  const nets = plans.get(state, slotKey(slot))?.nets ?? [];
  return new Map(nets.map(({ owner, giveWh }) => [owner, giveWh]));
}

/**
 * Plans the slots of a gate, of which `at` is the first to open; does nothing for slots that have a plan. `netsOf`
 * says what each party is expected to give without it.
 */
export function planGate(
  context: BlockContext,
  at: SlotPass,
  netsOf: (slot: UtcMs) => readonly PartyNet[],
): void {
  const { state, seed, emit } = context;
  if (plans.get(state, slotKey(at.slot)) !== undefined) return;
  if (!isAnythingMovable(state, at.slot)) return;
  const steps = stepsOf(slotsOf(context, at), slotMs(context.parameters));
  const gate = horizonOf(context, steps, netsOf);
  if (gate === undefined) return;
  const { horizon, leftOut } = gate;
  const found = searchPlan(horizon, seed);
  const given = givenWh(gate, steps, found);
  steps.forEach(({ slots }, t) => {
    slots.forEach((slot, i) => {
      const nets = Array.from(given, ([owner, wh]) => ({ owner, giveWh: wh[t]?.[i] ?? 0 }));
      plans.set(state, slotKey(slot), { nets });
    });
  });
  const last = steps.at(-1)?.slots.at(-1) ?? at.slot;
  emit({
    type: "gate-planned",
    scale: at.pass.scale,
    from: at.slot,
    to: last + slotMs(context.parameters),
    owners: [...given.keys()],
    ...(leftOut === 0 ? {} : { leftOut }),
    gain: micros(found.gain),
    exactGain: micros(plan(horizon, gatePlanLimits).gain),
  });
}

/** The slots from this one on that pass through this gate with it, and have no plan. */
function slotsOf({ state, parameters }: BlockContext, { slot, number, pass }: SlotPass): UtcMs[] {
  const length = slotMs(parameters);
  const slots: UtcMs[] = [];
  for (let at = slot; ; at = utcMs(at + length)) {
    const other = timetable(at, parameters).passes[number];
    if (other?.opening !== pass.opening || plans.get(state, slotKey(at)) !== undefined)
      return slots;
    slots.push(at);
  }
}

const hourMs = 3_600_000;

/** Slots in steps of an hour, so that a day of short ones is planned as fast as one of long ones. */
function stepsOf(slots: readonly UtcMs[], length: number): Step[] {
  const perStep = Math.max(1, Math.round(hourMs / length));
  const steps: Step[] = [];
  for (let i = 0; i < slots.length; i += perStep) {
    const own = slots.slice(i, i + perStep);
    steps.push({ slots: own, hours: (own.length * length) / hourMs });
  }
  // The last step of a period that is no whole number of hours would be shorter than the others.
  const [first, last] = [steps[0], steps.at(-1)];
  return first === undefined || last?.hours === first.hours ? steps : steps.slice(0, -1);
}

/** What the plan lets each owner give in each slot of each step beyond its forecast, whole Wh. */
function givenWh(
  { horizon, windows }: GateHorizon,
  steps: readonly Step[],
  { schedule }: ColonyPlan,
): ReadonlyMap<string, readonly (readonly number[])[]> {
  const { storages, elastic, flexible } = horizon;
  const owners = [...storages, ...elastic, ...flexible].map(({ owner }) => owner);
  const given = new Map(
    [...new Set(owners)].sort().map((owner) => {
      return [owner, steps.map(({ slots }) => new Float64Array(slots.length))] as const;
    }),
  );
  const give = (owner: string, t: number, kwh: number, runsAt = (_: number) => true) => {
    const [row, slots = []] = [given.get(owner)?.[t], steps[t]?.slots];
    const count = slots.filter(runsAt).length;
    slots.forEach((slot, i) => {
      if (row !== undefined && runsAt(slot)) row[i] = (row[i] ?? 0) + (1000 * kwh) / count;
    });
  };
  for (const t of steps.keys()) {
    const at = (rows: readonly Float64Array[], i: number) => rows[i]?.[t] ?? 0;
    storages.forEach(({ owner }, i) => {
      give(owner, t, at(schedule.discharge, i) - at(schedule.charge, i));
    });
    elastic.forEach(({ owner }, i) => {
      give(owner, t, -at(schedule.extra, i));
    });
    flexible.forEach(({ owner }, i) => {
      const { start = 0, end = 0 } = windows[i] ?? {};
      give(owner, t, -at(schedule.load, i), (slot) => slot >= start && slot < end);
    });
  }
  return new Map([...given].map(([owner, rows]) => [owner, rows.map(rounded)]));
}

/** Whole numbers whose sums from the first on are those of the row, rounded. */
function rounded(row: Float64Array): number[] {
  let [sum, before] = [0, 0];
  return Array.from(row, (value) => {
    sum += value;
    const part = whole(sum) - before;
    before += part;
    return part + 0;
  });
}

/** Prices and quantities at their limits together may be worth more than fits. */
const micros = (currency: number) =>
  whole(Math.max(-worthMax, Math.min(worthMax, currency * 1_000_000)));
const worthMax = Number.MAX_SAFE_INTEGER;

/** Never −0, which a CBOR integer is not. */
const whole = (value: number) => Math.round(value) + 0;
