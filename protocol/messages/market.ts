import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { array, bytes, encodeAs, int, oneOf, type TypeOf } from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";
import { sha256 } from "../sha256.ts";
import type { MicroPerKwh, Wh } from "../units/brands.ts";
import { id } from "./id.ts";
import { instant } from "./readings.ts";

const most = Number.MAX_SAFE_INTEGER;

/** Prices of 1 000 currency/kWh and beyond, either way, are typing errors; keeps price² · energy small. */
export const priceMax = 1_000_000_000;
/** A quote of 1 TWh and beyond is a typing error. */
const energyMax = 1_000_000_000_000;

/** A price in 10⁻⁶ currency per kWh; below 0 the seller pays the buyer for taking the energy. */
export const price = int<MicroPerKwh>(-priceMax, priceMax);
/** What a kWh over a line costs, in either direction: never below 0. */
export const fee = int<MicroPerKwh>(0, priceMax);
/** An amount of energy in Wh. */
export const energy = int<Wh>(0, energyMax);

/** Which side of the book. */
export const side = oneOf("ask", "bid");
/** Where the energy comes from; `any` is what a buyer without a wish says. */
export const energyForm = oneOf("solar", "wind", "thermal", "nuclear", "storage", "any");

/** A quote as it is sealed: nobody sees it before the gate closes. */
export const quote = record("quote", {
  side: field(1, side),
  form: field(2, energyForm),
  quantity: field(3, int<Wh>(1, energyMax)),
  limit: field(4, price),
});

/**
 * What an owner lets a device do in the market on its behalf: the agent's limits, signed by the
 * owner. A higher `version` replaces a lower one.
 */
export const mandate = record("mandate", {
  owner: field(1, id),
  device: field(2, id),
  version: field(3, int(1, most)),
  askMax: field(4, energy),
  askPriceMin: field(5, price),
  bidMax: field(6, energy),
  bidPriceMax: field(7, price),
  until: field(8, instant),
});

/**
 * A sealed quote: its hash, before the gate. `slot` is the slot's start; `gate` is when the gate that
 * it is for closes, of which a slot has several: a quote for one is worth nothing at the next.
 */
export const quoteCommit = record("quote-commit", {
  id: field(1, bytes(16)),
  owner: field(2, id),
  slot: field(3, instant),
  hash: field(4, bytes(32)),
  gate: field(5, instant),
});

/** The opened quotes, after the gate. */
export const quoteReveal = record("quote-reveal", {
  id: field(1, bytes(16)),
  quotes: field(2, array(quote, 1, 16)),
  salt: field(3, bytes(32)),
});

export type Side = TypeOf<typeof side>;
export type EnergyForm = TypeOf<typeof energyForm>;
export type QuoteTerms = TypeOf<typeof quote>;
export type Mandate = TypeOf<typeof mandate>;
export type QuoteCommit = TypeOf<typeof quoteCommit>;
export type QuoteReveal = TypeOf<typeof quoteReveal>;

/** Which commitment a seal is for. */
export type Sealed = Pick<QuoteCommit, "id" | "owner" | "slot" | "gate">;

const sealed = record("sealed", {
  id: field(1, bytes(16)),
  owner: field(2, id),
  slot: field(3, instant),
  gate: field(4, instant),
});
const sealedQuotes = array(quote, 0, 0xffff);

/**
 * The hash that seals quotes: SHA-256(domain ‖ salt ‖ what it is for ‖ encoding of the quotes). The
 * salt is 32 random bytes, else a quote could be guessed from its hash. Id, owner, slot and gate are in it,
 * so that nobody can commit to a hash that it saw and open it once its maker has.
 */
export function sealQuotes(
  about: Sealed,
  quotes: readonly QuoteTerms[],
  salt: Uint8Array,
): Uint8Array {
  const { id, owner, slot, gate } = about;
  const purpose = encodeAs(sealed, { id, owner, slot, gate });
  const list = encodeAs(sealedQuotes, quotes);
  return sha256(concatBytes(utf8ToBytes("busbar/1/quote"), salt, purpose, list));
}
