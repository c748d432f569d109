import assert from "node:assert/strict";
import type {
  Charge,
  CreditTerms,
  Gate,
  GridSegment,
  MicroPerKwh,
  PartyTerms,
} from "@busbar/protocol";
import { type Codec, parameters } from "@busbar/protocol/schema";
import type { StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

/** Minutes of a gate's period that stands for a local day, whatever its length. */
export const dayMinutes = 1440;

/** A lowest and a highest price. */
export type PriceBand = readonly [MicroPerKwh, MicroPerKwh];

/** What a community agrees on, at genesis and by vote. */
export type Parameters = {
  /** A divisor of 60. */
  readonly slotMinutes: number;
  /** The gates that a slot passes through, in their order; the last one leaves nothing open. */
  readonly gates: readonly Gate[];
  /** A POSIX TZ text. */
  readonly timeZone: string;
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
  /** Owners with a weight or a band of their own in the game of prices. */
  readonly parties?: readonly PartyTerms[];
  /** The lines between feeders, a tree; without them all parties trade as at one place. */
  readonly grid?: readonly GridSegment[];
  /** How much worse an imbalance becomes that is as large as the party's whole position, thousandths. */
  readonly imbalanceGrowthPermille?: number;
  /** Fees, taxes and levies. */
  readonly charges?: readonly Charge[];
  /** How long after its end a slot waits for a silent meter before it is estimated; absent: it is not. */
  readonly provisionalMinutes?: number;
  /** What an account may owe, and what counts as under-delivery; without them neither is looked at. */
  readonly credit?: CreditTerms;
};

/** The parameters' form in the state and in the genesis hash. */
export const parametersCodec: Codec<Parameters> = parameters;

/** `parameters/current` holds the ones in force. */
export const parametersTable = table("parameters", parametersCodec);

/**
 * `parameters-from/<start of a slot, 15 digits>`: those of the slots from that one on, where they were
 * ever changed. A slot keeps the ones that it was opened with, to its last settlement.
 */
export const parametersFrom = table("parameters-from", parametersCodec);

/** The parameters of a slot. Throws nothing: a state without a change has those in force. */
export function parametersOf(state: StateReader, slot: number): Parameters {
  const key = String(slot).padStart(15, "0");
  let found = parametersTable.get(state, "current");
  for (const [from, parameters] of parametersFrom.scan(state)) {
    if (from > key) break;
    found = parameters;
  }
  assert(found !== undefined, "genesis wrote the parameters");
  return found;
}
