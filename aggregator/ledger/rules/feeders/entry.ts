import {
  CborError,
  decodeCbor,
  feederPurchaseTable,
  feederSaleTable,
  feederTrade,
  type StateProof,
} from "@busbar/protocol";
import { type Codec, feederPurchase, feederSale, SchemaError } from "@busbar/protocol/schema";
import { refuse } from "../../refuse.ts";
import type { TxRefusal } from "../../rule.ts";
import type { FeederPurchase, FeederSale } from "./tables.ts";

/** A trade as the other chain's state holds it. */
export type OtherEntry =
  | { readonly ok: true; readonly way: "sale"; readonly trade: string; readonly sale: FeederSale }
  | {
      readonly ok: true;
      readonly way: "purchase";
      readonly trade: string;
      readonly purchase: FeederPurchase;
    };

/**
 * Reads a trade from a proof that was checked: it stands under its own name. Codes: `feeder.entry` (no trade of these
 * two chains, or none at all).
 */
export function otherEntry(
  { key, value, header }: StateProof,
  chain: string,
): OtherEntry | TxRefusal {
  const [table, trade = ""] = key.split("/");
  const none = (what: string) =>
    refuse("feeder.entry", `expected a trade of ${header.chain} with ${chain}, got ${what}`);
  if (value === undefined) return none(`nothing at ${key}`);
  if (table === feederSaleTable) {
    const sale = decoded(feederSale, value);
    if (sale === undefined || !isOf(sale, trade, [header.chain, chain])) return none(key);
    return { ok: true, way: "sale", trade, sale };
  }
  if (table === feederPurchaseTable) {
    const purchase = decoded(feederPurchase, value);
    if (purchase === undefined || !isOf(purchase, trade, [chain, header.chain])) return none(key);
    return { ok: true, way: "purchase", trade, purchase };
  }
  return none(key);
}

function isOf(
  { terms }: FeederSale | FeederPurchase,
  trade: string,
  [sellerChain, buyerChain]: readonly [string, string],
): boolean {
  const { sellerChain: seller, buyerChain: buyer } = terms;
  return seller === sellerChain && buyer === buyerChain && feederTrade(terms) === trade;
}

function decoded<T>(codec: Codec<T>, value: Uint8Array): T | undefined {
  try {
    return codec.decode(decodeCbor(value), "");
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) return undefined;
    throw error;
  }
}
