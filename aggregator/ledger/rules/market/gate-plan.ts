/**
 * What batteries, elastic demands and flexible loads that owners stated do in the slots of a gate: planned by
 * the colony when the first of its slots opens, kept until the slots' last gate. So a day-ahead gate plans a
 * day, and the gates after it trade around that plan.
 */
import { type UtcMs, utcMs } from "@busbar/protocol";
import { type ColonyPlan, searchPlan } from "../../../market/plan/colony-plan.ts";
import type { Horizon } from "../../../market/plan/horizon.ts";
import { plan, playersAfter } from "../../../market/plan/plan.ts";
import type { BlockContext } from "../../rule.ts";
import type { StateReader } from "../../state/state.ts";
import { movableIn, ownersAssets } from "../assets.ts";
import { horizonOf, type Step } from "./gate-horizon.ts";
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

/** What owners are planned to give in a slot beyond their forecasts, Wh; a statement that was replaced since
 * counts no more. */
export function plannedOf(state: StateReader, slot: number): ReadonlyMap<string, number> {
  const given = new Map<string, number>();
  for (const { owner, version, giveWh } of plans.get(state, slotKey(slot))?.nets ?? []) {
    if (ownersAssets.get(state, owner)?.version === version) given.set(owner, giveWh);
  }
  return given;
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
  const horizon = horizonOf(context, steps, netsOf);
  if (horizon === undefined) return;
  const found = searchPlan(horizon, seed);
  const given = givenWh(horizon, found);
  steps.forEach(({ slots }, t) => {
    slots.forEach((slot, i) => {
      const nets = Array.from(given, ([owner, wh]) => {
        const version = ownersAssets.get(state, owner)?.version ?? 0;
        return { owner, version, giveWh: partOf(wh[t] ?? 0, i, slots.length) };
      });
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
    gain: micros(found.gain),
    exactGain: micros(plan(horizon).gain),
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

/** What the plan lets each owner give in each step beyond its forecast, Wh. */
function givenWh(horizon: Horizon, { schedule }: ColonyPlan): ReadonlyMap<string, number[]> {
  const { storages, elastic, flexible } = horizon;
  const owners = [
    ...new Set([...storages, ...elastic, ...flexible].map(({ owner }) => owner)),
  ].sort();
  const after = playersAfter({ horizon }, schedule);
  const of = (owner: string) =>
    horizon.slots.map((players, t) => {
      const kwh = (all: typeof players) => all.find(({ id }) => id === owner)?.kwh ?? 0;
      return whole((kwh(after[t] ?? []) - kwh(players)) * 1000);
    });
  return new Map(owners.map((owner) => [owner, of(owner)]));
}

/** Part `i` of `count` equal ones, whole Wh that add up. */
function partOf(wh: number, i: number, count: number): number {
  return whole((wh * (i + 1)) / count) - whole((wh * i) / count);
}

/** Prices and quantities at their limits together may be worth more than fits. */
const micros = (currency: number) =>
  whole(Math.max(-worthMax, Math.min(worthMax, currency * 1_000_000)));
const worthMax = Number.MAX_SAFE_INTEGER;

/** Never −0, which a CBOR integer is not. */
const whole = (value: number) => Math.round(value) + 0;
