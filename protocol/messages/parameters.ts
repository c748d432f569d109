import { bytes, int, pair, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import type { MicroPerKwh } from "../units/brands.ts";
import { id } from "./id.ts";
import { instant } from "./readings.ts";

const minutes = int(0, 2 * 24 * 60);
const permille = int(0, 1000);
const price = int<MicroPerKwh>(0, 1_000_000_000);
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

/** What a community agrees on for its market; in the genesis, in the state and in motions. */
export const parameters = record("parameters", {
  slotMinutes: field(1, int(1, 60)),
  openMinutesBefore: field(2, minutes),
  gateMinutesBefore: field(3, minutes),
  clearMinutesBefore: field(4, minutes),
  bands: field(5, bands),
  weights: field(6, weights),
  feedIn: field(7, price),
  retail: field(8, price),
  imbalancePermille: field(9, permille),
  subsidyPermille: field(10, permille),
});

/** A member asks the others for other parameters, for the slots that start at `from` and later. */
export const parametersMotion = record("parameters-motion", {
  nonce: field(1, bytes(16)),
  member: field(2, id),
  from: field(3, instant),
  parameters: field(4, parameters),
  reason: optional(5, text(200)),
});

export type ParametersMotion = TypeOf<typeof parametersMotion>;
