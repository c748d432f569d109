import { feederPurchaseTable, feederSaleTable } from "@busbar/protocol";
import { feederPurchases, feederSales, feeders } from "../ledger/rules/feeders/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";

/** An entry of another chain that could move a trade of this one on. */
export type Wanted = {
  readonly chain: string;
  readonly trade: string;
  readonly way: "sale" | "purchase";
  readonly key: string;
  /** The newest council of that chain that is known here. */
  readonly epoch: number;
};

/**
 * What to ask the other chains for, as this ledger stands: of each trade that something is held for, or that a payment
 * could still close, the other side's entry. Nothing of frozen chains.
 */
export function wantedOf(state: StateReader): readonly Wanted[] {
  const epochs = new Map<string, number>();
  for (const [chain, { council, state: standing }] of feeders.scan(state)) {
    if (standing !== "frozen") epochs.set(chain, council.epoch);
  }
  const wanted: Wanted[] = [];
  const want = (chain: string, trade: string, way: Wanted["way"]) => {
    const epoch = epochs.get(chain);
    const table = way === "sale" ? feederSaleTable : feederPurchaseTable;
    if (epoch !== undefined) wanted.push({ chain, trade, way, key: `${table}/${trade}`, epoch });
  };
  for (const [trade, { stage, terms }] of feederSales.scan(state)) {
    if (["offered", "confirmed", "delivered", "abandoned"].includes(stage)) {
      want(terms.buyerChain, trade, "purchase");
    }
  }
  for (const [trade, { stage, terms }] of feederPurchases.scan(state)) {
    if (stage === "escrowed") want(terms.sellerChain, trade, "sale");
  }
  return wanted;
}
