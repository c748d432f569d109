import type { MicroPerKwh } from "@busbar/protocol";
import { type Codec, field, int, pair, record } from "@busbar/protocol/schema";
import { table } from "./state/table.ts";

/** A lowest and a highest price. */
export type PriceBand = readonly [MicroPerKwh, MicroPerKwh];

/** What a community agrees on at genesis. */
export type Parameters = {
  /** A divisor of 60. */
  readonly slotMinutes: number;
  /** Minutes before a slot's start: quoting opens, the gate closes, the slot is cleared. */
  readonly openMinutesBefore: number;
  readonly gateMinutesBefore: number;
  readonly clearMinutesBefore: number;
  /** Eq. 13 of Liu & Zhou, per selling or buying party. */
  readonly bands: {
    readonly company: PriceBand;
    readonly bureau: PriceBand;
    readonly user: PriceBand;
  };
  /** Bargaining weights of the parties, small integers. */
  readonly weights: { readonly company: number; readonly bureau: number; readonly user: number };
  /** What the bureau pays for, and asks for, energy that nobody else takes or gives. */
  readonly feedIn: MicroPerKwh;
  readonly retail: MicroPerKwh;
  /** How much worse than the market an imbalance is priced, in thousandths. */
  readonly imbalancePermille: number;
  /** The factor of eqs. 3, 6 and 8, in thousandths (the paper's 0.05 is 50). */
  readonly subsidyPermille: number;
};

const minutes = int(0, 2 * 24 * 60);
const permille = int(0, 1000);
const price = int<MicroPerKwh>(0, 1_000_000_000);
const band = pair(price, price);
const weight = int(0, 1000);

const bands = record("price-bands", {
  company: field(1, band),
  bureau: field(2, band),
  user: field(3, band),
});

const weights = record("party-weights", {
  company: field(1, weight),
  bureau: field(2, weight),
  user: field(3, weight),
});

/** The parameters' form in the state and in the genesis hash. */
export const parametersCodec: Codec<Parameters> = record("parameters", {
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

/** `parameters/current` holds the ones in force. */
export const parametersTable = table("parameters", parametersCodec);
