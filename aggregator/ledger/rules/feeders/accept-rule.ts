import { decodeStateProof, utcMs } from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { slotKey } from "../../settlements.ts";
import { bind } from "./contract.ts";
import { otherEntry } from "./entry.ts";
import { hold } from "./escrow.ts";
import { checkClock, known, shown } from "./light-client.ts";
import { priceOf, putPurchase, tell } from "./steps.ts";
import { feederBounds, feederPurchases } from "./tables.ts";
import { checkParty, checkTerms } from "./terms.ts";

/**
 * A buyer takes another feeder's offer: the money goes into escrow, and the contract counts in its position, until the
 * other chain has said how it ended, or `payBy` has come.
 *
 * Codes, in order: `feeder.rights`, `cbor.*`, `message.shape`, `feeder.unknown`, `feeder.frozen`, `feeder.entry`,
 * `feeder.exists-different`, those of `shown`, `feeder.stage`, `feeder.buyer`, `feeder.stale`, `feeder.terms`,
 * `feeder.slot`, `feeder.revoked`, `feeder.party`, `feeder.too-many`, `feeder.cover`.
 */
export const feederAcceptRule: TxRule<"feeder-accept"> = (context, { buyer, proof }, signer) => {
  const { state, chain, time, height } = context;
  if (signer.kind !== "owner" || signer.id !== buyer) {
    return refuse("feeder.rights", `expected the signature of ${buyer}, got ${signer.id}'s`);
  }
  const decoded = decodeStateProof(proof);
  if (!decoded.ok) return decoded;
  const other = known(context, decoded.proof.header.chain);
  if (!other.ok) return other;
  const offered = otherEntry(decoded.proof, chain);
  if (!offered.ok) return offered;
  if (offered.way !== "sale") {
    return refuse("feeder.entry", "expected a seller's offer, got a purchase");
  }
  const { trade, sale } = offered;
  const before = feederPurchases.get(state, trade);
  if (before?.buyer === buyer) return { ok: true, code: "exists" };
  if (before !== undefined) {
    return refuse("feeder.exists-different", `${before.buyer} has taken ${trade} already`);
  }
  const checked = shown(context, other.entry, proof);
  if (!checked.ok) return checked;
  if (checked.entry.state === "frozen") {
    const text = "the proof is of another block than was shown before; hand it in as feeder-proof";
    return refuse("feeder.frozen", text);
  }
  const { terms, stage } = sale;
  if (stage !== "offered") return refuse("feeder.stage", `the offer ${trade} is ${stage}`);
  if (terms.buyer !== undefined && terms.buyer !== buyer) {
    return refuse("feeder.buyer", `${trade} is offered to ${terms.buyer}, not to ${buyer}`);
  }
  const { via } = other.entry;
  const refusal =
    checkClock(context, checked.proof) ??
    checkTerms(context, terms) ??
    checkParty(context, other.entry, buyer) ??
    hold(context, { owner: buyer, via, money: priceOf(terms) });
  if (refusal !== undefined) return refusal;
  const contract = bind(context, { trade, terms, seller: via, buyer });
  const way = { way: "purchase", chain: terms.sellerChain } as const;
  feederBounds.set(state, `${slotKey(terms.slot)}/${trade}`, way);
  const purchase = {
    terms,
    stage: "escrowed",
    height,
    time: utcMs(time),
    contract,
    buyer,
  } as const;
  putPurchase(context, trade, purchase);
  tell(context, trade, { ...purchase, way: "purchase", with: terms.sellerChain });
  return { ok: true };
};
