import { council } from "../receipt/council.ts";
import { array, bytes, int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import type { Wh } from "../units/brands.ts";
import { id } from "./id.ts";
import { fee } from "./market.ts";
import { instant } from "./readings.ts";

/** More than a line between two microgrids carries in a slot is a typing error; keeps price · energy exact. */
const energyMax = 1_000_000_000;

/** A proof of another chain's state, as it travels in a message; what it is says `StateProof`. */
export const carriedProof = bytes(1, 12_288);

/**
 * A member asks the others to trust another feeder's chain, or to trade with it no longer. To trust one is to
 * name who votes there from some height on (its genesis, or a council that somebody looked at), and the owner of
 * this ledger whose meter stands on the line between the two feeders.
 */
export const feederMotion = record("feeder-motion", {
  nonce: field(1, bytes(16)),
  member: field(2, id),
  action: field(3, oneOf("trust", "revoke")),
  chain: field(4, id),
  /** To trust: who votes there. */
  council: optional(5, council),
  /** To trust: the owner that stands for the other feeder here. */
  via: optional(6, id),
  reason: optional(7, text(200)),
});

/**
 * What is sold from one feeder to another, and until when each step may be taken: instants of site time, each held
 * against the clock of the chain that takes the step.
 */
export const feederTerms = record("feeder-terms", {
  nonce: field(1, bytes(16)),
  /** Whose ledger the seller is on, and has the obligation. */
  sellerChain: field(2, id),
  seller: field(3, id),
  /** Whose ledger the buyer is on, and has the money. */
  buyerChain: field(4, id),
  /** Absent: the first owner there that takes it. */
  buyer: optional(5, id),
  slot: field(6, instant),
  slotMinutes: field(7, int(1, 60)),
  energy: field(8, int<Wh>(1, energyMax)),
  price: field(9, fee),
  /** What the seller pays the buyer for each kWh that does not come. */
  bond: field(10, fee),
  /** The seller's chain must have seen the buyer's escrow before; else the offer lapses. */
  confirmBy: field(11, instant),
  /** The seller's chain must know before what flowed; else the obligation falls. */
  deliverBy: field(12, instant),
  /** The buyer's chain takes proofs of delivery before; from then on the escrow is the buyer's again. */
  payBy: field(13, instant),
  /** From then on the seller's chain holds nothing any more, whatever it has heard. */
  closeBy: field(14, instant),
});

/** A seller offers energy to another feeder. Its bond is held from this message on. */
export const feederOffer = record("feeder-offer", { terms: field(1, feederTerms) });

/** A buyer takes another feeder's offer, which `proof` shows. Its money is held from this message on. */
export const feederAccept = record("feeder-accept", {
  buyer: field(1, id),
  proof: field(2, carriedProof),
});

/**
 * What the other chain's state says, brought by whomever: nobody is believed, the certificates are checked.
 * `steps` lead from the council that is known to the present one.
 */
export const feederProof = record("feeder-proof", {
  chain: field(1, id),
  steps: field(2, array(bytes(1, 12_288), 0, 8)),
  proof: optional(3, carriedProof),
});

export type FeederMotion = TypeOf<typeof feederMotion>;
export type FeederTerms = TypeOf<typeof feederTerms>;
export type FeederOffer = TypeOf<typeof feederOffer>;
export type FeederAccept = TypeOf<typeof feederAccept>;
export type FeederProof = TypeOf<typeof feederProof>;
