import { feederTrade, utcMs } from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { hold } from "./escrow.ts";
import { known } from "./light-client.ts";
import { bondOf, putSale, tell } from "./steps.ts";
import { feederSales } from "./tables.ts";
import { checkParty, checkTerms } from "./terms.ts";

/**
 * A seller's offer to another feeder, with its bond put aside.
 *
 * Codes, in order: `feeder.rights`, `feeder.unknown`, `feeder.frozen`, `feeder.terms`, `feeder.slot`,
 * `feeder.revoked`, `feeder.party`, `feeder.too-many`, `feeder.cover`.
 */
export const feederOfferRule: TxRule<"feeder-offer"> = (context, { terms }, signer) => {
  const { state, chain, time, height } = context;
  const { seller, sellerChain, buyerChain } = terms;
  if (signer.kind !== "owner" || signer.id !== seller) {
    return refuse("feeder.rights", `expected the signature of ${seller}, got ${signer.id}'s`);
  }
  const trade = feederTrade(terms);
  if (feederSales.get(state, trade) !== undefined) return { ok: true, code: "exists" };
  const other = known(context, buyerChain);
  if (!other.ok) return other;
  if (sellerChain !== chain) {
    return refuse("feeder.terms", `expected a seller of ${chain}, got one of ${sellerChain}`);
  }
  const { entry } = other;
  const refusal =
    checkTerms(context, terms) ??
    checkParty(context, entry, seller) ??
    hold(context, { owner: seller, via: entry.via, money: bondOf(terms) });
  if (refusal !== undefined) return refusal;
  const sale = { terms, stage: "offered", height, time: utcMs(time) } as const;
  putSale(context, trade, sale);
  tell(context, trade, { ...sale, way: "sale", with: buyerChain });
  return { ok: true };
};
