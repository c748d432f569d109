import { array, int, type TypeOf } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import type { MicroPerKwh, W, Wh } from "../units/brands.ts";
import { id } from "./id.ts";
import { price } from "./market.ts";
import { instant } from "./readings.ts";

/** 100 MWh and 100 MW: more than any party of a microgrid moves. */
const energyMax = 100_000_000;
const someEnergy = int<Wh>(1, energyMax);
const energy = int<Wh>(0, energyMax);
const power = int<W>(0, 100_000_000);
/** Of a thousand parts, how many arrive. */
const efficiency = int(1, 1000);
/** By how much a price changes with each kWh, 10⁻⁶ currency/kWh. */
const slope = int<MicroPerKwh>(0, 1_000_000_000);

/** A battery behind the owner's meter. In each plan it ends with what it starts with. */
export const storage = record("storage", {
  capacity: field(1, someEnergy),
  start: field(2, energy),
  charge: field(3, power),
  discharge: field(4, power),
  /** From the feeder in the battery, and from it on the feeder. */
  chargePermille: field(5, efficiency),
  dischargePermille: field(6, efficiency),
});

/**
 * Demand that answers to prices in every hour: so much less (`down`) to more (`up`) than usual. The first
 * kWh more is worth `worth`, each further one `slope` less.
 */
export const elasticDemand = record("elastic-demand", {
  worth: field(1, price),
  slope: field(2, slope),
  down: field(3, energy),
  up: field(4, energy),
});

/** A load that comes on top of what is usual, once, some time between `from` and `to`. */
export const flexibleLoad = record("flexible-load", {
  energy: field(1, someEnergy),
  from: field(2, instant),
  to: field(3, instant),
  power: field(4, power),
});

/**
 * What a bureau delivers: in a slot up to about `capacity`, in proportion to which bureaus share. Its next kWh
 * costs it `prices` (one for all hours, or one for each hour of the local day), and `slope` more with each
 * kWh.
 */
export const supply = record("supply", {
  capacity: field(1, someEnergy),
  prices: field(2, array(price, 1, 24)),
  slope: field(3, slope),
});

/**
 * What an owner lets the market plan with, signed by the owner. A higher `version` replaces all of a lower
 * one; with nothing in it nothing is left.
 */
export const assets = record("assets", {
  owner: field(1, id),
  version: field(2, int(1, Number.MAX_SAFE_INTEGER)),
  until: field(3, instant),
  storages: optional(4, array(storage, 1, 4)),
  elastic: optional(5, array(elasticDemand, 1, 4)),
  flexible: optional(6, array(flexibleLoad, 1, 8)),
  supply: optional(7, supply),
});

export type Assets = TypeOf<typeof assets>;
