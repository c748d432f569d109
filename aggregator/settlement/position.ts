import { type MicroPerKwh, mulDiv, type Wh, wh } from "@busbar/protocol";

/** A signed sale of energy in one slot, as far as money is concerned. */
export type Sale = {
  readonly contract: string;
  readonly seller: string;
  readonly buyer: string;
  readonly energy: Wh;
  /** What the seller gets. */
  readonly price: MicroPerKwh;
  /** What the buyer pays on top, for the way over the grid. */
  readonly fee?: MicroPerKwh;
  /** The feeders that it leads from and to; absent: the busbar. */
  readonly from?: string;
  readonly to?: string;
};

/** What a party's connection meters showed over the slot: differences of cumulative registers. */
export type Metered = { readonly importWh: Wh; readonly exportWh: Wh };

/** A party of the slot with its connection meters' energy. */
export type Participant = { readonly owner: string; readonly metered: Metered };

/** Energy in Wh, positive = given to the feeder. A meter's two directions net inside a slot. */
export function netMetered({ importWh, exportWh }: Metered): number {
  return exportWh - importWh;
}

/** What a party promised to give, in Wh: sold minus bought. */
export function netSold(owner: string, sales: readonly Sale[]): number {
  let net = 0;
  for (const { seller, buyer, energy } of sales) {
    if (seller === owner) net += energy;
    if (buyer === owner) net -= energy;
  }
  return net;
}

/**
 * How much of a purchase from the bureau a party keeps, in equal shares of all such purchases: what it
 * sold at another gate of the same slot it did not use. `sales` are all of the party's in the slot.
 */
export function keptOf(sale: Sale, sales: readonly Sale[], bureau: string): Wh {
  const netWh = -netSold(sale.buyer, sales);
  let boughtWh = 0;
  for (const { seller, buyer, energy } of sales) {
    if (seller === bureau && buyer === sale.buyer) boughtWh += energy;
  }
  if (netWh >= boughtWh) return sale.energy;
  return wh(netWh <= 0 ? 0 : mulDiv(sale.energy, netWh, boughtWh, "floor"));
}
