import { divideBig, type MicroPerKwh, microPerKwh, type Wh } from "@busbar/protocol";
import type { Prices, Role } from "../game/channels.ts";

/** What a quote wanted and did not get in the book. */
export type Rest = {
  readonly id: string;
  readonly party: string;
  readonly role: Role;
  readonly side: "ask" | "bid";
  readonly quantity: Wh;
  readonly limit: MicroPerKwh;
};

/** The community's guarantee: the bureau takes at `feedIn` or better, gives at `retail` or better.
 * `subsidyPermille` is κ of eq. 3 and 8 of Liu & Zhou, which comes off what a buyer pays. */
export type Tariff = {
  readonly feedIn: MicroPerKwh;
  readonly retail: MicroPerKwh;
  readonly subsidyPermille: number;
};

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
 * earns: what it sells is never cheaper, subsidy taken off, than what it bought of the same slot.
 *
 * Below 0 it is no guarantee but a bill: then the bureau takes what is left only from asks whose limit
 * allows its price. Who asks for more keeps its energy, to switch off or to give as a surplus at a price
 * that is worse still. And a bid below 0 is no need: what found nobody at that price is not supplied at
 * another.
 */
export function residualSales(
  rests: readonly Rest[],
  {
    bureau,
    prices,
    tariff,
  }: { readonly bureau: string; readonly prices: Prices; readonly tariff: Tariff },
): ResidualSale[] {
  const { feedIn, retail } = tariff;
  // Where even retail would leave a round trip something, the bureau buys at feed-in only.
  const wanted = within(prices.gc ?? feedIn, { low: feedIn, high: retail });
  const gross = grossOf(wanted, tariff);
  const buys = gross === undefined ? feedIn : wanted;
  const floor = gross ?? grossOf(feedIn, tariff) ?? retail;
  return rests
    .filter(({ quantity, party }) => quantity > 0 && party !== bureau)
    .flatMap(({ id, party, role, side, quantity, limit }) => {
      if (side === "ask") {
        if (buys < 0 && limit > buys) return [];
        return [{ quote: id, seller: party, buyer: bureau, quantity, price: buys }];
      }
      const asked = (role === "company" ? prices.cg : prices.cu) ?? retail;
      const price = within(asked, { low: floor, high: retail });
      if (limit < 0 && price > limit) return [];
      return [{ quote: id, seller: bureau, buyer: party, quantity, price }];
    });
}

function within(
  price: MicroPerKwh,
  { low, high }: { readonly low: MicroPerKwh; readonly high: MicroPerKwh },
): MicroPerKwh {
  return price < low ? low : price > high ? high : price;
}

/**
 * The least price p whose worth to its seller, the buyer's subsidy taken off, is `net` or more: p − κ p²
 * rounded down, and p itself up to 0. Undefined where that is above retail, below which p − κ p² rises.
 */
export function grossOf(
  net: MicroPerKwh,
  { retail, subsidyPermille }: Pick<Tariff, "retail" | "subsidyPermille">,
): MicroPerKwh | undefined {
  if (net <= 0) return net <= retail ? net : undefined;
  // p ← net + κ p² rises to it and never passes it.
  let price: number = net;
  while (price <= retail) {
    const square = BigInt(price) * BigInt(price);
    const next = net + divideBig(square * BigInt(subsidyPermille), 1_000_000_000n, "ceil");
    if (next <= price) return microPerKwh(price);
    price = next;
  }
  return undefined;
}
