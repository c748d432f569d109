/** What a plan of a gate is made of: the steps' parties, and what their owners stated. */
import {
  type Assets,
  type MicroPerKwh,
  mulDiv,
  type UtcMs,
  type W,
  type Wh,
  wh,
} from "@busbar/protocol";
import type { Player } from "../../../market/game/players.ts";
import {
  type BureauCost,
  type ElasticDemand,
  type FlexibleLoad,
  type Horizon,
  mostKwh,
  type Storage,
} from "../../../market/plan/horizon.ts";
import type { BlockContext } from "../../rule.ts";
import { ownersAssets } from "../assets.ts";
import { marketParty } from "./parties.ts";
import type { PartyNet } from "./slot-prices.ts";
import { type Supply, suppliesOf } from "./supplies.ts";
import { slotMs, wholeSlots } from "./timetable.ts";

/** Slots that are planned as one, and how long they last together. */
export type Step = { readonly slots: readonly UtcMs[]; readonly hours: number };

/** `windows[i]`: the slots in which flexible load i may run, from the first one's start to the last one's end. */
export type GateHorizon = {
  readonly horizon: Horizon;
  readonly windows: readonly Window[];
  /** Things that the plan has no room for. */
  readonly leftOut: number;
};

export type Window = { readonly start: number; readonly end: number };

/** Batteries, elastic demands and flexible loads of one plan: what a member can plan with within a second. */
export const movableMax = 50;

/**
 * Undefined where nothing that can be moved belongs to a party of these slots. All steps last as long. Where
 * there is more than a plan takes, owners take turns: so none takes another's place.
 */
export function horizonOf(
  context: BlockContext,
  steps: readonly Step[],
  netsOf: (slot: UtcMs) => readonly PartyNet[],
): GateHorizon | undefined {
  const [first] = steps;
  const start = first?.slots[0];
  if (first === undefined || start === undefined) return undefined;
  const { hours } = first;
  const { state } = context;
  const stated = Array.from(ownersAssets.scan(state), ([owner, known]) => ({ owner, known }))
    .filter(({ owner, known }) => known.until > start && marketParty(state, owner) !== undefined)
    .map((one) => thingsOf(one, steps, slotMs(context.parameters)));
  const all = inTurns(stated, context.seed);
  const things = all.slice(0, movableMax);
  if (things.length === 0) return undefined;
  const loads = things.flatMap(({ flexible }) => flexible ?? []);
  const parties = steps.map(({ slots }) => summed(slots.map(netsOf)));
  const { bureaus, costs } = delivering(context, steps, parties);
  const horizon: Horizon = {
    hours,
    slots: parties.map((players, t) => [...players, ...(bureaus[t] ?? [])]),
    costs,
    storages: things.flatMap(({ storage }) => storage ?? []),
    elastic: things.flatMap(({ elastic }) => elastic ?? []),
    flexible: loads.map(({ load }) => load),
  };
  const windows = loads.map(({ window }) => window);
  return { horizon, windows, leftOut: all.length - things.length };
}

/** What each party gives in the slots of a step together, kWh. */
function summed(slots: readonly (readonly PartyNet[])[]): Player[] {
  const sums = new Map<string, Player>();
  for (const { owner, party, netWh } of slots.flat()) {
    const before = sums.get(owner)?.kwh ?? 0;
    sums.set(owner, { id: owner, role: party, kwh: before + netWh / 1000 });
  }
  return [...sums.values()];
}

type Stated = { readonly owner: string; readonly known: Assets };
type Load = { readonly load: FlexibleLoad; readonly window: Window };

/** One of what an owner stated. */
type Thing = {
  readonly storage?: Storage;
  readonly elastic?: ElasticDemand;
  readonly flexible?: Load;
};

/** Each owner's first, each owner's second, and so on; who begins is drawn anew for each plan. */
function inTurns(owners: readonly (readonly Thing[])[], seed: Uint8Array): Thing[] {
  const [a = 0, b = 0] = seed;
  const first = owners.length === 0 ? 0 : (256 * a + b) % owners.length;
  const order = [...owners.slice(first), ...owners.slice(0, first)];
  const rounds = Math.max(0, ...order.map(({ length }) => length));
  return Array.from({ length: rounds }, (_, i) => order.flatMap((own) => own[i] ?? [])).flat();
}

/** What an owner has in these steps; a statement that ends among them counts in those before its end. */
function thingsOf({ owner, known }: Stated, steps: readonly Step[], slotLengthMs: number): Thing[] {
  const hours = steps[0]?.hours ?? 0;
  const within = steps.filter(({ slots }) => (slots.at(-1) ?? 0) < known.until).length;
  const { storages = [], elastic = [], flexible = [] } = known;
  const some = within === 0 ? { storages: [], elastic: [] } : { storages, elastic };
  const there = within === steps.length ? {} : { slots: within };
  return [
    ...some.storages.map((one) => ({ storage: { ...storageOf(owner, one), ...there } })),
    ...some.elastic.map((one) => ({ elastic: { ...elasticOf(owner, one, hours), ...there } })),
    ...flexible.flatMap((one) => {
      const load = loadOf(owner, one, { steps, slotLengthMs });
      return load === undefined ? [] : [{ flexible: load }];
    }),
  ];
}

type Stating<K extends "storages" | "elastic" | "flexible"> = NonNullable<Assets[K]>[number];

function storageOf(
  owner: string,
  { capacity, start, charge, discharge, ...own }: Stating<"storages">,
): Storage {
  return {
    owner,
    capacityKwh: capacity / 1000,
    startKwh: start / 1000,
    chargeKw: charge / 1000,
    dischargeKw: discharge / 1000,
    chargeEfficiency: own.chargePermille / 1000,
    dischargeEfficiency: own.dischargePermille / 1000,
  };
}

/** What is stated of an hour, as it is of a step. */
function elasticOf(
  owner: string,
  { worth, slope, down, up }: Stating<"elastic">,
  hours: number,
): ElasticDemand {
  return {
    owner,
    worth: perKwh(worth),
    slope: perKwh(slope) / hours,
    downKwh: (down / 1000) * hours,
    upKwh: (up / 1000) * hours,
  };
}

/**
 * A load's part in these steps: it runs in whole slots between its `from` and `to`, and where these reach into
 * several gates' periods, in each of them for as much of its energy as of its time lies there.
 */
function loadOf(
  owner: string,
  { energy, from, to, power }: { energy: Wh; from: UtcMs; to: UtcMs; power: W },
  { steps, slotLengthMs }: { readonly steps: readonly Step[]; readonly slotLengthMs: number },
): Load | undefined {
  const window = wholeSlots({ start: from, end: to }, slotLengthMs);
  const count = (window.end - window.start) / slotLengthMs;
  const runsAt = (slot: number) => slot >= window.start && slot < window.end;
  const parts = steps.map(({ slots }) => slots.filter(runsAt).length / slots.length);
  const here = steps.flatMap(({ slots }) => slots.filter(runsAt));
  const [begin] = here;
  if (begin === undefined) return undefined;
  const before = (begin - window.start) / slotLengthMs;
  const share = (slots: number) => mulDiv(energy, slots, count, "floor");
  const part = wh(share(before + here.length) - share(before));
  const [first, last] = [parts.findIndex((own) => own > 0), parts.findLastIndex((own) => own > 0)];
  const shape = {
    from: first,
    to: last,
    maxKw: power / 1000,
    parts: parts.slice(first, last + 1),
  };
  // What just fits is stated by owners, and no rounding of it may fail a block.
  const kwh = Math.min(part / 1000, mostKwh(shape, steps[0]?.hours ?? 0));
  return { load: { owner, kwh, ...shape }, window };
}

/** In currency/kWh. */
const perKwh = (price: MicroPerKwh) => price / 1_000_000;

/**
 * The bureaus of the steps and what their next kWh costs. Where none says so, the tariff does: from feed-in in
 * the step in which the parties have most to give, to retail in the one in which they need most. The bureau of
 * these steps has no id, for it may be one that says so in others.
 */
function delivering(
  { state, parameters }: BlockContext,
  steps: readonly Step[],
  parties: readonly (readonly Player[])[],
): { readonly bureaus: readonly (readonly Player[])[]; readonly costs: readonly BureauCost[] } {
  const supplies = steps.map(({ slots }): readonly Supply[] => {
    const [begin = 0, end = begin] = [slots[0], slots.at(-1)];
    return suppliesOf(state, begin, parameters, end).filter(({ price }) => price !== undefined);
  });
  const own = new Map(supplies.flat().map((supply) => [supply.bureau, supply]));
  const named = [...own.keys()].sort();
  const of = (t: number, id: string) => supplies[t]?.find(({ bureau }) => bureau === id);
  const unnamed = { id: "", role: "bureau" } as const;
  const bureaus = steps.map((_, t): Player[] => [
    { ...unnamed, kwh: supplies[t]?.length === 0 ? 1 : 0 },
    ...named.map((id): Player => {
      return { id, role: "bureau", kwh: (of(t, id)?.capacity ?? 0) / 1000 };
    }),
  ]);
  const hours = steps[0]?.hours ?? 1;
  const costs = named.map((owner): BureauCost => {
    const slope = (own.get(owner)?.slope ?? 0) / 1_000_000 / hours;
    return { owner, perKwh: steps.map((_, t) => (of(t, owner)?.price ?? 0) / 1_000_000), slope };
  });
  return { bureaus, costs: [tariffCost(parties, parameters), ...costs] };
}

function tariffCost(
  parties: readonly (readonly Player[])[],
  { feedIn, retail }: BlockContext["parameters"],
): BureauCost {
  const draws = parties.map((players) => players.reduce((sum, { kwh }) => sum - kwh, 0));
  const [least, most] = [Math.min(...draws), Math.max(...draws)];
  const [low, high] = [perKwh(feedIn), perKwh(retail)];
  const slope = most > least ? (high - low) / (most - least) : 0;
  const constant = most > least ? low - slope * least : most > 0 ? high : low;
  return { owner: "", perKwh: draws.map(() => constant), slope };
}
