/** What the parties of a feeder can still decide over the slots of one gate, and what it is worth. */
import type { Player } from "../game/players.ts";

/**
 * A battery behind a company's or a user's meter. It ends with what it starts with; where it is there for
 * the first `slots` of them only, it does so after these.
 */
export type Storage = {
  readonly owner: string;
  readonly capacityKwh: number;
  readonly startKwh: number;
  readonly chargeKw: number;
  readonly dischargeKw: number;
  /** Parts of the energy that arrive: from the feeder in the battery, and from it on the feeder. */
  readonly chargeEfficiency: number;
  readonly dischargeEfficiency: number;
  readonly slots?: number;
};

/**
 * Demand that answers to prices, in every slot, or in the first `slots`. `x` kWh more than forecast are worth
 * `worth`·x − `slope`·x²/2 to their owner; `downKwh` and `upKwh` say how far it goes.
 */
export type ElasticDemand = {
  readonly owner: string;
  readonly worth: number;
  readonly slope: number;
  readonly downKwh: number;
  readonly upKwh: number;
  readonly slots?: number;
};

/**
 * A load that needs its energy in some of the slots `from` … `to` (both counted), in which it does not matter.
 * `parts`: what part of each of these it may run in, where that is not all of it.
 */
export type FlexibleLoad = {
  readonly owner: string;
  readonly kwh: number;
  readonly from: number;
  readonly to: number;
  readonly maxKw: number;
  readonly parts?: readonly number[];
};

/**
 * What a bureau's next kWh costs it in each slot, and by how much that grows with each kWh (its own, of a slot).
 * Bureaus share a slot in proportion to their energy there; one with 0 has no part in it.
 */
export type BureauCost = {
  readonly owner: string;
  readonly perKwh: readonly number[];
  readonly slope: number;
};

/**
 * `slots[t]` are the parties of slot t as forecast, without what is listed beside them. Every slot has
 * the same parties and is `hours` long. Units: kWh, kW, currency.
 */
export type Horizon = {
  readonly hours: number;
  readonly slots: readonly (readonly Player[])[];
  readonly costs: readonly BureauCost[];
  readonly storages: readonly Storage[];
  readonly elastic: readonly ElasticDemand[];
  readonly flexible: readonly FlexibleLoad[];
};

/**
 * Throws `RangeError` for a horizon that makes no sense: what was expected, of whom, and what came.
 */
export function checkHorizon(horizon: Horizon): void {
  const { hours, slots, costs, storages, elastic, flexible } = horizon;
  must(hours > 0 && hours <= 24, "hours of a slot", "above 0, at most 24", hours);
  must(slots.length >= 1 && slots.length <= 200, "slots", "1 to 200", slots.length);
  const roles = new Map(slots[0]?.map(({ id, role }) => [id, role]));
  const known = (owner: string, wanted: (role: string | undefined) => boolean, what: string) =>
    must(wanted(roles.get(owner)), `owner ${owner}`, what, roles.get(owner) ?? "nobody");
  for (const players of slots) {
    const same =
      players.length === roles.size && players.every(({ id, role }) => roles.get(id) === role);
    must(same, "parties", "the same ones in every slot", players.map(({ id }) => id).join(", "));
  }
  for (const { owner, perKwh, slope } of costs) {
    known(owner, (role) => role === "bureau", "a bureau");
    must(perKwh.length === slots.length, `costs of ${owner}`, `${slots.length}`, perKwh.length);
    must(perKwh.every(Number.isFinite), `costs of ${owner}`, "numbers", perKwh.join(", "));
    must(slope >= 0 && Number.isFinite(slope), `slope of ${owner}`, "0 or more", slope);
  }
  const member = (role: string | undefined) => role === "company" || role === "user";
  const there = (owner: string, count = slots.length) => {
    const fits = Number.isInteger(count) && count >= 0 && count <= slots.length;
    must(fits, `slots of ${owner}`, `0 to ${slots.length}`, count);
  };
  for (const storage of storages) {
    checkStorage(storage, () => known(storage.owner, member, "a company or user"));
    there(storage.owner, storage.slots);
  }
  for (const { owner, worth, slope, downKwh, upKwh, slots: count } of elastic) {
    known(owner, member, "a company or user");
    there(owner, count);
    must(
      Number.isFinite(worth) && slope > 0 && Number.isFinite(slope),
      `elastic demand of ${owner}`,
      "a worth, and a slope above 0",
      slope,
    );
    must(
      downKwh >= 0 && upKwh >= 0 && Number.isFinite(downKwh + upKwh),
      `elastic demand of ${owner}`,
      "0 kWh or more",
      downKwh,
    );
  }
  for (const load of flexible) {
    const { owner, kwh, from, to, parts = [] } = load;
    known(owner, member, "a company or user");
    const inside =
      Number.isInteger(from) &&
      Number.isInteger(to) &&
      from >= 0 &&
      from <= to &&
      to < slots.length;
    must(inside, `flexible load of ${owner}`, `slots 0 to ${slots.length - 1}`, `${from} to ${to}`);
    const shared = parts.length === 0 || parts.length === to - from + 1;
    const whole = shared && parts.every((part) => part >= 0 && part <= 1);
    const wanted = `${to - from + 1} parts of 0 to 1`;
    must(whole, `flexible load of ${owner}`, wanted, parts.join(", "));
    const most = mostKwh(load, hours);
    must(kwh >= 0 && kwh <= most, `flexible load of ${owner}`, `0 to ${most} kWh`, kwh);
  }
}

/** What a flexible load can take in its window at most. */
export function mostKwh(load: Omit<FlexibleLoad, "owner" | "kwh">, hours: number): number {
  let most = 0;
  for (let t = load.from; t <= load.to; t += 1) most += mostInSlot(load, t, hours);
  return most;
}

/** What it can take in one slot of its window at most. */
export function mostInSlot(
  { from, maxKw, parts }: Omit<FlexibleLoad, "owner" | "kwh">,
  slot: number,
  hours: number,
): number {
  return maxKw * hours * (parts?.[slot - from] ?? 1);
}

function checkStorage(storage: Storage, checkOwner: () => void): void {
  const { owner, capacityKwh, startKwh, chargeKw, dischargeKw } = storage;
  const { chargeEfficiency, dischargeEfficiency } = storage;
  checkOwner();
  must(
    capacityKwh > 0 && Number.isFinite(capacityKwh),
    `storage of ${owner}`,
    "a capacity above 0",
    capacityKwh,
  );
  must(
    startKwh >= 0 && startKwh <= capacityKwh,
    `start of ${owner}`,
    `0 to ${capacityKwh} kWh`,
    startKwh,
  );
  must(
    chargeKw >= 0 && dischargeKw >= 0 && Number.isFinite(chargeKw + dischargeKw),
    `power of ${owner}`,
    "0 kW or more",
    `${chargeKw}, ${dischargeKw}`,
  );
  for (const part of [chargeEfficiency, dischargeEfficiency]) {
    must(part > 0 && part <= 1, `efficiency of ${owner}`, "above 0, at most 1", part);
  }
}

function must(fits: boolean, what: string, expected: string, got: string | number): void {
  if (!fits) throw new RangeError(`${what}: expected ${expected}, got ${got}`);
}
