import { divideBig, type MicroPerKwh, microPerKwh, type Wh } from "@busbar/protocol";
import type { Prices, Role } from "../game/channels.ts";

/** What a quote wanted and did not get in the book. */
export type Rest = {
  readonly id: string;
  readonly party: string;
  readonly role: Role;
  readonly side: "ask" | "bid";
  readonly quantity: Wh;
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
    .map(({ id, party, role, side, quantity }) => {
      if (side === "ask") return { quote: id, seller: party, buyer: bureau, quantity, price: buys };
      const asked = (role === "company" ? prices.cg : prices.cu) ?? retail;
      const price = within(asked, { low: floor, high: retail });
      return { quote: id, seller: bureau, buyer: party, quantity, price };
    });
}

function within(
  price: MicroPerKwh,
  { low, high }: { readonly low: MicroPerKwh; readonly high: MicroPerKwh },
): MicroPerKwh {
  return price < low ? low : price > high ? high : price;
}

/**
 * The least price p with p − κ p² ≥ `net`: what a buyer has to be asked so that it pays `net` after
 * its subsidy; undefined where that is above retail. Found by p ← net + κ p², which rises to it.
 */
function grossOf(net: MicroPerKwh, { retail, subsidyPermille }: Tariff): MicroPerKwh | undefined {
  let price: number = net;
  while (price <= retail) {
    const square = BigInt(price) * BigInt(price);
    const next = net + divideBig(square * BigInt(subsidyPermille), 1_000_000_000n, "ceil");
    if (next <= price) return microPerKwh(price);
    price = next;
  }
  return undefined;
}
