import { array, bytes, int, oneOf, pair, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { timeZoneTextMax } from "../time-zone/time-zone.ts";
import type { Wh } from "../units/brands.ts";
import { id } from "./id.ts";
import { fee, price } from "./market.ts";
import { creditTerms } from "./payments.ts";
import { instant } from "./readings.ts";

const minutes = int(0, 2 * 24 * 60);
const permille = int(0, 1000);
const band = pair(price, price);
const weight = int(0, 1000);

export const bands = record("price-bands", {
  company: field(1, band),
  bureau: field(2, band),
  user: field(3, band),
});

export const weights = record("party-weights", {
  company: field(1, weight),
  bureau: field(2, weight),
  user: field(3, weight),
});

/** How long before delivery energy is traded. */
export const scale = oneOf("day-ahead", "intraday", "real-time");

/**
 * One kind of gate: for each period of delivery (`periodMinutes`; 1440 is a local day, of 23 or 25
 * hours when clocks are turned) the minutes before its beginning at which quoting opens, the gate
 * closes and the slots of the period are cleared. With `rounds` above 1 the period passes through as
 * many such gates, each `everyMinutes` after the one before; the minutes are the last one's.
 */
export const gate = record("gate", {
  scale: field(1, scale),
  periodMinutes: field(2, int(1, 1440)),
  openMinutesBefore: field(3, minutes),
  gateMinutesBefore: field(4, minutes),
  clearMinutesBefore: field(5, minutes),
  rounds: field(6, int(1, 24)),
  everyMinutes: field(7, int(0, 1440)),
});

/** What one owner has of its own in the game of prices, instead of what its role has (eq. 9 of Liu & Zhou). */
export const partyTerms = record("party-terms", {
  owner: field(1, id),
  weight: optional(2, int(1, 100)),
  band: optional(3, band),
});

/**
 * A line of the grid: from a feeder to its parent (absent: to the busbar), with what a kWh over it costs
 * in either direction and what it carries in one slot (absent: no limit).
 */
export const gridSegment = record("grid-segment", {
  feeder: field(1, id),
  parent: optional(2, id),
  fee: field(3, fee),
  capacity: optional(4, int<Wh>(0, 1_000_000_000_000)),
  /** Of what it carries so many thousandths are lost (absent: nothing). */
  lossPermille: optional(5, int(0, 500)),
  /** Whom what is paid for the line goes to; absent: the bureau. */
  operator: optional(6, id),
});

/**
 * A fee, tax or levy that a party owes for a slot, once: on what its meters drew or gave, each meter net
 * over the slot, at `rate` a kWh, or in thousandths of what its energy cost it net.
 */
export const charge = record("charge", {
  id: field(1, id),
  sort: field(2, oneOf("fee", "tax", "levy")),
  on: field(3, oneOf("import", "export", "cost")),
  rate: field(4, int(0, 1_000_000_000)),
  /** The owner whom it goes to; absent: the account for what is handed on to an authority. */
  to: optional(5, id),
});

/** What a community agrees on for its market; in the genesis, in the state and in motions. */
export const parameters = record("parameters", {
  slotMinutes: field(1, int(1, 60)),
  /** In the order in which a slot passes through them. */
  gates: field(2, array(gate, 1, 8)),
  /** When clocks are turned, as a POSIX TZ text; it says where days begin. */
  timeZone: field(3, text(timeZoneTextMax)),
  bands: field(5, bands),
  weights: field(6, weights),
  feedIn: field(7, price),
  retail: field(8, price),
  imbalancePermille: field(9, permille),
  subsidyPermille: field(10, permille),
  parties: optional(11, array(partyTerms, 1, 40)),
  /** A tree of feeders; without one all parties trade as at one place. */
  grid: optional(12, array(gridSegment, 1, 64)),
  /** How much worse an imbalance becomes that is as large as the party's whole position, thousandths. */
  imbalanceGrowthPermille: optional(21, permille),
  /** What parties owe besides the price of their energy. */
  charges: optional(22, array(charge, 1, 16)),
  /** How long after its end a slot waits for a silent meter before it is settled by an estimate; absent:
   * it is not. */
  provisionalMinutes: optional(23, int(0, 31 * 24 * 60)),
  /** Without them an account may owe as much as it comes to. */
  credit: optional(16, creditTerms),
});

/** A member asks the others for other parameters, for the slots that start at `from` and later. */
export const parametersMotion = record("parameters-motion", {
  nonce: field(1, bytes(16)),
  member: field(2, id),
  from: field(3, instant),
  parameters: field(4, parameters),
  reason: optional(5, text(200)),
});

export type PartyTerms = TypeOf<typeof partyTerms>;
export type GridSegment = TypeOf<typeof gridSegment>;
export type Charge = TypeOf<typeof charge>;
export type Gate = TypeOf<typeof gate>;
export type Scale = TypeOf<typeof scale>;
export type ParametersMotion = TypeOf<typeof parametersMotion>;
