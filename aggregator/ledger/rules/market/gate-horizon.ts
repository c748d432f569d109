import type { Assets, UtcMs } from "@busbar/protocol";
import type { Player } from "../../../market/game/players.ts";
import { type BureauCost, type Horizon, mostKwh } from "../../../market/plan/horizon.ts";
import type { BlockContext } from "../../rule.ts";
import { ownersAssets } from "../assets.ts";
import { marketParty } from "./parties.ts";
import type { PartyNet } from "./slot-prices.ts";
import { type Supply, suppliesOf } from "./supplies.ts";

/** Slots that are planned as one, and how long they last together. */
export type Step = { readonly slots: readonly UtcMs[]; readonly hours: number };

/**
 * The steps' parties with what their owners stated: what a plan is made of. Undefined where nothing that
 * can be moved belongs to a party of these slots. All steps last as long.
 */
export function horizonOf(
  context: BlockContext,
  steps: readonly Step[],
  netsOf: (slot: UtcMs) => readonly PartyNet[],
): Horizon | undefined {
  const [first] = steps;
  const start = first?.slots[0];
  if (first === undefined || start === undefined) return undefined;
  const { hours } = first;
  const { state, parameters } = context;
  const stated = Array.from(ownersAssets.scan(state), ([owner, known]) => ({
    owner,
    known,
  })).filter(({ owner, known }) => known.until > start && marketParty(state, owner) !== undefined);
  const movable = {
    storages: stated.flatMap(storagesOf),
    elastic: stated.flatMap((one) => elasticOf(one, hours)),
    flexible: stated.flatMap((one) => flexibleOf(one, steps)),
  };
  if (Object.values(movable).every((all) => all.length === 0)) return undefined;
  const parties = steps.map(({ slots }) => summed(slots.map(netsOf)));
  const supplies = steps.map(({ slots }) => suppliesOf(state, slots[0] ?? start, parameters));
  const bureaus = (supplies[0] ?? []).map(playerOf);
  // No owner's id is empty; a site without a bureau is planned as if one came.
  const some = bureaus.length > 0 ? bureaus : [playerOf({ bureau: "", capacity: 1000 })];
  const slots = parties.map((players) => [...players, ...some]);
  return { hours, slots, costs: costsOf({ slots, hours, supplies }, context), ...movable };
}

const playerOf = ({ bureau, capacity }: Supply): Player => {
  return { id: bureau, role: "bureau", kwh: capacity / 1000 };
};

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

function storagesOf({ owner, known: { storages = [] } }: Stated): Horizon["storages"] {
  return storages.map(({ capacity, start, charge, discharge, ...own }) => ({
    owner,
    capacityKwh: capacity / 1000,
    startKwh: start / 1000,
    chargeKw: charge / 1000,
    dischargeKw: discharge / 1000,
    chargeEfficiency: own.chargePermille / 1000,
    dischargeEfficiency: own.dischargePermille / 1000,
  }));
}

/** What is stated of an hour, as it is of a step. */
function elasticOf({ owner, known: { elastic = [] } }: Stated, hours: number): Horizon["elastic"] {
  return elastic.map(({ worth, slope, down, up }) => ({
    owner,
    worth: worth / 1_000_000,
    slope: slope / 1_000_000 / hours,
    downKwh: (down / 1000) * hours,
    upKwh: (up / 1000) * hours,
  }));
}

/**
 * The loads whose time begins within the steps and that fit into what is left of it there: a load is planned
 * once, with the period that it begins in.
 */
function flexibleOf(
  { owner, known: { flexible = [] } }: Stated,
  steps: readonly Step[],
): Horizon["flexible"] {
  return flexible.flatMap(({ energy, from, to, power }) => {
    const begins = steps.map(({ slots }) => slots[0] ?? 0);
    const [start = 0] = begins;
    const hours = steps[0]?.hours ?? 0;
    const stepMs = hours * 3_600_000;
    const end = (begins.at(-1) ?? 0) + stepMs;
    if (from < start || from >= end) return [];
    const first = begins.findIndex((at) => at >= from);
    const last = begins.findLastIndex((at) => at + stepMs <= to);
    const count = last - first + 1;
    if (first < 0 || count < 1) return [];
    // In whole numbers: what just fits is stated by owners, and no rounding of it may fail a block.
    if (BigInt(energy) * 3_600_000n > BigInt(power) * BigInt(count * stepMs)) return [];
    const maxKw = power / 1000;
    const kwh = Math.min(energy / 1000, mostKwh({ maxKw, from: first, to: last }, hours));
    return [{ owner, kwh, from: first, to: last, maxKw }];
  });
}

/**
 * What the bureaus' next kWh costs. Where none says so, the tariff does: from feed-in in the step in which
 * the parties have most to give, to retail in the one in which they need most.
 */
function costsOf(
  {
    slots,
    hours,
    supplies,
  }: {
    readonly slots: readonly (readonly Player[])[];
    readonly hours: number;
    readonly supplies: readonly (readonly Supply[])[];
  },
  { parameters }: BlockContext,
): BureauCost[] {
  const bureaus = (slots[0] ?? []).filter(({ role }) => role === "bureau");
  if (supplies[0]?.some(({ price }) => price !== undefined)) {
    return bureaus.map(({ id: owner }) => {
      const own = supplies.map((all) => all.find(({ bureau }) => bureau === owner));
      const slope = (own[0]?.slope ?? 0) / 1_000_000 / hours;
      return { owner, perKwh: own.map((supply) => (supply?.price ?? 0) / 1_000_000), slope };
    });
  }
  const draws = slots.map((players) =>
    players.reduce((sum, { role, kwh }) => (role === "bureau" ? sum : sum - kwh), 0),
  );
  const [least, most] = [Math.min(...draws), Math.max(...draws)];
  const [low, high] = [parameters.feedIn / 1_000_000, parameters.retail / 1_000_000];
  const slope = most > least ? (high - low) / (most - least) : 0;
  const constant = most > least ? low - slope * least : most > 0 ? high : low;
  // Several bureaus share what is drawn, and with it the slope.
  const capacity = bureaus.reduce((sum, { kwh }) => sum + kwh, 0);
  const squares = bureaus.reduce((sum, { kwh }) => sum + (kwh / capacity) * (kwh / capacity), 0);
  return bureaus.map(({ id: owner }) => {
    return { owner, perKwh: draws.map(() => constant), slope: slope / squares };
  });
}
