import type { EnergyForm, Mandate, Party, QuoteTerms } from "@busbar/protocol";
import { microPerKwh, mulDiv, wh } from "@busbar/protocol";
import type { SlotPrices } from "./prices.ts";
import { limitOf, type Strategy } from "./strategy.ts";

/** What a quote is made of. `netWh`: forecast of the slot, positive = need; `soldWh`: what was sold
 * of it so far, less what was bought. Only the difference is quoted. */
export type QuoteGrounds = {
  readonly netWh: number;
  readonly soldWh: number;
  readonly prices: Pick<SlotPrices, "prices" | "feedIn" | "retail" | "gatesLeft">;
  /** What the way over the grid costs the buyer on top of the seller's price at least, 10⁻⁶ currency/kWh. */
  readonly wayFee: number;
  readonly strategy: Strategy;
  /** See `LimitGrounds`. */
  readonly daringPermille: number;
  readonly party: Party;
  readonly form: EnergyForm;
  readonly limits: Pick<Mandate, "askMax" | "askPriceMin" | "bidMax" | "bidPriceMax">;
};

/**
 * The one quote for a slot: an ask for a surplus, a bid for a need, never both; undefined when there
 * is nothing to trade, or the owner's limits allow nothing. Where the market has no reference price
 * yet (a new site, a turn nobody expected) the middle of the tariff stands in for it.
 */
export function quoteFor(grounds: QuoteGrounds): QuoteTerms | undefined {
  return grounds.netWh + grounds.soldWh < 0 ? askFor(grounds) : bidFor(grounds);
}

function askFor(grounds: QuoteGrounds): QuoteTerms | undefined {
  const { netWh, soldWh, party, form, limits } = grounds;
  const { cg, cu, gc, gu } = grounds.prices.prices;
  const reference = (party === "bureau" ? (cu ?? cg) : (gu ?? gc)) ?? middle(grounds);
  const quantity = Math.min(-(netWh + soldWh), limits.askMax - soldWh);
  if (quantity < 1) return undefined;
  const wish = limitOf(grounds.strategy, { ...grounds.prices, ...grounds, side: "ask", reference });
  const limit = microPerKwh(Math.max(limits.askPriceMin, wish));
  return { side: "ask", form, quantity: wh(quantity), limit };
}

function bidFor(grounds: QuoteGrounds): QuoteTerms | undefined {
  const { netWh, soldWh, party, limits, wayFee } = grounds;
  const { cg, cu, gu } = grounds.prices.prices;
  // The reference is what a seller gets; a limit is for what the buyer pays.
  const reference = ((party === "company" ? cg : (gu ?? cu)) ?? middle(grounds)) + wayFee;
  const quantity = Math.min(netWh + soldWh, limits.bidMax + soldWh);
  if (quantity < 1) return undefined;
  const wish = limitOf(grounds.strategy, { ...grounds.prices, ...grounds, side: "bid", reference });
  const limit = microPerKwh(Math.min(limits.bidPriceMax, wish));
  return { side: "bid", form: "any", quantity: wh(quantity), limit };
}

function middle({ prices: { feedIn, retail } }: QuoteGrounds): number {
  return mulDiv(feedIn + retail, 1, 2, "half-even");
}
