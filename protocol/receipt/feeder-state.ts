import { bytesToHex } from "@noble/hashes/utils.js";
import { type FeederTerms, feederTerms } from "../messages/feeders.ts";
import { id } from "../messages/id.ts";
import { instant } from "../messages/readings.ts";
import { bytes, encodeAs, int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { sha256 } from "../sha256.ts";
import type { Micro, Wh } from "../units/brands.ts";
import { council } from "./council.ts";

const most = Number.MAX_SAFE_INTEGER;
const height = int(1, most);
const energy = int<Wh>(0, most);
const money = int<Micro>(-most, most);

/** How a trade between two chains went on for the chain whose entry this is. */
const fields = {
  terms: field(1, feederTerms),
  /** Of the change to this stage. */
  height: field(3, height),
  time: field(4, instant),
  /** The contract that it became here. */
  contract: optional(5, text(24)),
  /** Who bought; on the seller's chain known once the escrow was proved. */
  buyer: optional(6, id),
  /** What crossed the boundary for this trade by this feeder's meter there, once that is known. */
  crossedWh: optional(7, energy),
  /** What was paid for in the end: what crossed by both meters. */
  paidWh: optional(8, energy),
  /** What was paid for it, and what the seller owed for the rest. */
  amount: optional(9, money),
  compensation: optional(10, money),
} as const;

/**
 * A trade as the seller's chain holds it. `offered` → `confirmed` (escrow proved: the seller is bound) → `delivered`
 * (the boundary was metered) → `closed` (payment proved). `lapsed`: nobody's escrow was proved in time. `failed`:
 * the obligation fell, for want of readings or as the buyer has its money again. `abandoned`: no word of the payment
 * came in time, so that nothing is held any more; a proof of it still closes the trade.
 */
export const feederSale = record("feeder-sale", {
  ...fields,
  stage: field(
    2,
    oneOf("offered", "confirmed", "delivered", "closed", "lapsed", "failed", "abandoned"),
  ),
});

/** A trade as the buyer's chain holds it: `escrowed` → `paid` or `released`, once and for ever. */
export const feederPurchase = record("feeder-purchase", {
  ...fields,
  stage: field(2, oneOf("escrowed", "paid", "released")),
});

/** Another feeder's chain as this one knows it: a light client's state. */
export const feederEntry = record("feeder", {
  chain: field(1, id),
  /** The owner that stands for it here. */
  via: field(2, id),
  /** Who votes there, as far as steps were shown. */
  council: field(3, council),
  /** `revoked`: no new trades. `frozen`: it certified two blocks of one height, nothing of it is believed. */
  state: field(4, oneOf("trusted", "revoked", "frozen")),
  /** Of the decision about it. */
  since: field(5, height),
  /** The newest of its blocks that was shown. */
  height: optional(6, height),
  time: optional(7, instant),
  hash: optional(8, bytes(32)),
});

export type FeederSale = TypeOf<typeof feederSale>;
export type FeederPurchase = TypeOf<typeof feederPurchase>;
export type FeederEntry = TypeOf<typeof feederEntry>;

/** Names of the state's tables: `feeder/<chain>`, `feeder-sale/<trade>`, `feeder-purchase/<trade>`. */
export const feederTable = "feeder";
export const feederSaleTable = "feeder-sale";
export const feederPurchaseTable = "feeder-purchase";

/** A trade's name on both chains: SHA-256 of its terms, hex. */
export function feederTrade(terms: FeederTerms): string {
  return bytesToHex(sha256(encodeAs(feederTerms, terms)));
}
