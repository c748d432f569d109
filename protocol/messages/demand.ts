import { bytes, int, oneOf, type TypeOf } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import type { MicroPerKwh, W } from "../units/brands.ts";
import { id } from "./id.ts";
import { energy, priceMax } from "./market.ts";
import { instant } from "./readings.ts";

const most = Number.MAX_SAFE_INTEGER;

/** Consecutive slots that one order is about: a day of quarters of an hour. */
export const orderSlotsMax = 96;

/** A power drawn from the feeder. */
const drawn = int<W>(0, 100_000_000);

/** What a kWh less is paid: something, and never the other way round. */
const reward = int<MicroPerKwh>(1, priceMax);

/**
 * What a unit is asked to do with what its owner draws from the feeder.
 *
 * - `limit`: draw `limitW` at most.
 * - `shed`: draw `energy` less a slot than usual.
 * - `shift`: the same, and draw it in as many slots from `toSlot` on instead.
 */
export const demandAction = oneOf("limit", "shift", "shed");

/**
 * An owner asks another's unit for a change in slots to come, for a price. `energy` is what it wants in
 * each of the slots, and pays at most; `price` is for a kWh less than usual. It counts until
 * `answerBy`.
 */
export const demandOrder = record("demand-order", {
  id: field(1, bytes(16)),
  by: field(2, id),
  device: field(3, id),
  action: field(4, demandAction),
  slot: field(5, instant),
  slots: field(6, int(1, orderSlotsMax)),
  energy: field(7, energy),
  price: field(8, reward),
  answerBy: field(9, instant),
  limitW: optional(10, drawn),
  toSlot: optional(11, instant),
});

/** The unit's owner, or the unit within its owner's mandate, takes an order or does not. */
export const demandAnswer = record("demand-answer", {
  id: field(1, bytes(16)),
  owner: field(2, id),
  word: field(3, oneOf("accept", "refuse")),
  /** Why it is refused. */
  reason: optional(4, oneOf("unsafe", "impossible", "unwanted", "dry-run")),
});

/**
 * What an owner lets others order from its unit without asking it each time. A higher `version`
 * replaces a lower one. Orders inside of it are contracts at once.
 */
export const demandMandate = record("demand-mandate", {
  owner: field(1, id),
  device: field(2, id),
  version: field(3, int(1, most)),
  /** In one slot. */
  energyMax: field(4, energy),
  /** Below which the unit's draw is never limited. */
  limitWMin: field(5, drawn),
  priceMin: field(6, reward),
  /** Slots in any 24 hours that orders may be about. */
  slotsMax: field(7, int(0, orderSlotsMax)),
  until: field(8, instant),
  /** Who may order; absent: everybody of the site. */
  by: optional(9, id),
});

export type DemandAction = TypeOf<typeof demandAction>;
export type DemandOrder = TypeOf<typeof demandOrder>;
export type DemandAnswer = TypeOf<typeof demandAnswer>;
export type DemandMandate = TypeOf<typeof demandMandate>;
