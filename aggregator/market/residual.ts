import type { MicroPerKwh, Wh } from "@busbar/protocol";
import type { Prices, Role } from "./channels.ts";

/** What a quote wanted and did not get in the book. */
export type Rest = {
  readonly id: string;
  readonly party: string;
  readonly role: Role;
  readonly side: "ask" | "bid";
  readonly quantity: Wh;
};

/** The community's guarantee: the bureau takes at `feedIn` or better, gives at `retail` or better. */
export type Tariff = { readonly feedIn: MicroPerKwh; readonly retail: MicroPerKwh };

/** A sale to or from the bureau of what nobody else took or gave. */
export type ResidualSale = {
  readonly quote: string;
  readonly seller: string;
  readonly buyer: string;
  readonly quantity: Wh;
  readonly price: MicroPerKwh;
};

/**
 * What is left of the quotes goes to the bureau at the slot's reference price of that channel (p_GC,
 * p_CG, p_CU), kept inside the tariff, and at the tariff itself where the channel has no price. So
 * nobody pays more than retail, nobody gets less than feed-in, and no round trip through the bureau
 * earns: what it sells is never cheaper than what it bought of the same slot.
 */
export function residualSales(
  rests: readonly Rest[],
  {
    bureau,
    prices,
    tariff,
  }: { readonly bureau: string; readonly prices: Prices; readonly tariff: Tariff },
): ResidualSale[] {
  const buys = within(prices.gc ?? tariff.feedIn, tariff);
  return rests
    .filter(({ quantity, party }) => quantity > 0 && party !== bureau)
    .map(({ id, party, role, side, quantity }) => {
      if (side === "ask") return { quote: id, seller: party, buyer: bureau, quantity, price: buys };
      const asked = (role === "company" ? prices.cg : prices.cu) ?? tariff.retail;
      const price = within(asked, { feedIn: buys, retail: tariff.retail });
      return { quote: id, seller: bureau, buyer: party, quantity, price };
    });
}

function within(price: MicroPerKwh, { feedIn, retail }: Tariff): MicroPerKwh {
  return price < feedIn ? feedIn : price > retail ? retail : price;
}
