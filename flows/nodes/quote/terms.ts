import type { SlotPrices } from "@busbar/edge";
import { type EnergyForm, microPerKwh, mulDiv, type QuoteTerms, wh } from "@busbar/protocol";
import { flowError } from "../link/errors.ts";
import { numberIn, wordIn } from "../link/typed.ts";

export const sides = ["ask", "bid", "sign"] as const;
export const forms = ["any", "solar", "wind", "thermal", "nuclear", "storage"] as const;
export const priceRules = ["reference", "feedIn", "retail"] as const;

/** What a person, a message or a rule says of a quote, as it came. */
export type Wish = {
  /** `sign`: kWh below 0 are a surplus, an ask. */
  readonly side: unknown;
  readonly kwh: unknown;
  /** Currency per kWh; undefined where `rule` says how it is found. */
  readonly price: unknown;
  readonly rule: (typeof priceRules)[number] | undefined;
  /** How far below the rule's price an ask goes, and above it a bid, in percent. */
  readonly room: unknown;
  readonly form: unknown;
};

/** The node's own limits: what goes beyond them is refused, whoever asks for it. */
export type Limits = {
  readonly kwhMax: number | undefined;
  readonly askMin: number | undefined;
  readonly bidMax: number | undefined;
};

/** No quote is beyond 1 GWh, nor 1 000 currency/kWh either way: the ledger would refuse it. */
const kwhBounds = { least: -1_000_000_000, most: 1_000_000_000 };
const priceBounds = { least: -1_000, most: 1_000 };

/**
 * What of a wish is left when so many Wh net are sold of the slot (below 0: bought). It never turns to the
 * other side: what was sold too much is for a person to buy back. A wish that is none is left as it is.
 */
export function leftOf(wish: Wish, soldWh: number): Wish {
  const kwh = typeof wish.kwh === "string" && wish.kwh.trim() !== "" ? Number(wish.kwh) : wish.kwh;
  if (soldWh === 0 || typeof kwh !== "number" || !Number.isFinite(kwh)) return wish;
  const sells = wish.side === "ask" || (wish.side === "sign" && kwh < 0);
  const left = Math.max(0, Math.abs(kwh) + (sells ? -soldWh : soldWh) / 1_000);
  return { ...wish, kwh: wish.side === "sign" && sells ? -left : left };
}

/**
 * The quote that a wish means at a gate; undefined where it asks for nothing (less than 1 Wh).
 * Throws: `Failure` `flows.value`.
 */
export function termsOf(
  wish: Wish,
  gate: Pick<SlotPrices, "prices" | "feedIn" | "retail">,
  limits: Limits,
): QuoteTerms | undefined {
  const kwh = numberIn("kWh", wish.kwh, kwhBounds);
  const chosen = wordIn("side", wish.side, sides);
  const side = chosen === "sign" ? (kwh < 0 ? "ask" : "bid") : chosen;
  if (chosen !== "sign" && kwh < 0) {
    throw flowError("flows.value", `kWh: expected a number above 0 for an ${side}, got ${kwh}`);
  }
  const quantity = Math.round(Math.abs(kwh) * 1_000);
  if (quantity < 1) return undefined;
  if (limits.kwhMax !== undefined && Math.abs(kwh) > limits.kwhMax) {
    throw flowError("flows.value", `kWh: expected at most ${limits.kwhMax}, got ${Math.abs(kwh)}`);
  }
  const limit = micro(wish, side, gate);
  withinLimits(side, limit / 1e6, limits);
  const form: EnergyForm = side === "bid" ? "any" : wordIn("form", wish.form ?? "any", forms);
  return { side, form, quantity: wh(quantity), limit: microPerKwh(limit) };
}

function micro(
  { price, rule, room }: Wish,
  side: "ask" | "bid",
  { prices, feedIn, retail }: Pick<SlotPrices, "prices" | "feedIn" | "retail">,
): number {
  if (rule === undefined) return Math.round(numberIn("price", price, priceBounds) * 1e6);
  const middle = mulDiv(feedIn + retail, 1, 2, "half-even");
  const reference = side === "ask" ? (prices.gu ?? prices.gc) : (prices.gu ?? prices.cu);
  const base = { reference: reference ?? middle, feedIn, retail }[rule];
  const permille = Math.round(numberIn("room", room ?? 0, { least: 0, most: 50 }) * 10);
  const factor = side === "ask" ? 1_000 - permille : 1_000 + permille;
  // Worse than what the bureau gives or takes is never needed: it trades with everybody.
  const wished = mulDiv(base, factor, 1_000, "half-even");
  return side === "ask" ? Math.max(feedIn, wished) : Math.min(retail, wished);
}

function withinLimits(side: "ask" | "bid", price: number, { askMin, bidMax }: Limits): void {
  if (side === "ask" && askMin !== undefined && price < askMin) {
    throw flowError("flows.value", `price: expected an ask of at least ${askMin}, got ${price}`);
  }
  if (side === "bid" && bidMax !== undefined && price > bidMax) {
    throw flowError("flows.value", `price: expected a bid of at most ${bidMax}, got ${price}`);
  }
}
