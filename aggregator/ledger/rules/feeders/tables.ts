import {
  type FeederEntry,
  type FeederPurchase,
  type FeederSale,
  type FeederTerms,
  feederPurchaseTable,
  feederSaleTable,
  feederTable,
} from "@busbar/protocol";
import {
  feederEntry,
  feederPurchase,
  feederSale,
  field,
  id,
  oneOf,
  record,
} from "@busbar/protocol/schema";
import { table } from "../../state/table.ts";

export type { FeederEntry, FeederPurchase, FeederSale, FeederTerms };

/** `feeder/<chain>`: other feeders' chains that the members decided about. */
export const feeders = table(feederTable, feederEntry);

/** `feeder-sale/<trade>`: trades whose seller is here, for ever: the other chain is shown them. */
export const feederSales = table(feederSaleTable, feederSale);

/** `feeder-purchase/<trade>`: trades whose buyer is here, for ever. */
export const feederPurchases = table(feederPurchaseTable, feederPurchase);

const way = oneOf("sale", "purchase");
const about = record("feeder-way", { way: field(1, way), chain: field(2, id) });

/** `feeder-due/<instant>/<trade>`: when the clock makes the ledger look at a trade; those in which something is held. */
export const feederDues = table("feeder-due", about);

/** `feeder-bound/<slot>/<trade>`: trades with a contract, until what crossed the boundary is noted. */
export const feederBounds = table("feeder-bound", about);

/** `feeder-via/<owner>`: the chain that an owner stands for. */
export const feederVias = table("feeder-via", record("feeder-via", { chain: field(1, id) }));
