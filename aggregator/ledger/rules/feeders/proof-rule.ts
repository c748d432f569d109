import { type StateProof, utcMs } from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { BlockContext, Outcome, TxRule } from "../../rule.ts";
import { type OtherEntry, otherEntry } from "./entry.ts";
import { checkClock, follow, known, shown } from "./light-client.ts";
import { purchaseAfter, saleAfter } from "./machine.ts";
import { movePurchase, moveSale } from "./steps.ts";
import { type FeederEntry, feederPurchases, feederSales, feeders } from "./tables.ts";

/**
 * What another chain's state says of a trade, or who votes there now. Anybody brings it, nobody is believed: what
 * counts is the certificate of those whom this ledger knows to vote there.
 *
 * Codes, in order: `feeder.rights`, `feeder.unknown`, `feeder.frozen`, those of `follow` and `shown`, `feeder.entry`,
 * `feeder.trade`, `feeder.unmetered`, `feeder.stale`, `feeder.too-late`.
 */
export const feederProofRule: TxRule<"feeder-proof"> = (context, message, signer) => {
  const { state, chain } = context;
  if (signer.kind !== "member" && signer.kind !== "owner") {
    return refuse("feeder.rights", `expected a member's or owner's signature, got ${signer.id}'s`);
  }
  const before = known(context, message.chain);
  if (!before.ok) return before;
  const followed = follow(context, before.entry, message.steps);
  if (!followed.ok) return followed;
  const learned = followed.entry !== before.entry;
  if (message.proof === undefined) return learned ? took(context, followed.entry) : nothingNew;
  const checked = shown(context, followed.entry, message.proof);
  if (!checked.ok) return checked;
  const { entry, proof } = checked;
  if (entry.state === "frozen") {
    feeders.set(state, entry.chain, entry);
    context.emit({ type: "feeder-changed", chain: entry.chain, state: "frozen" });
    return { ok: true };
  }
  const other = otherEntry(proof, chain);
  if (!other.ok) return other;
  const moved = apply(context, other, proof);
  // Steps are worth a block of their own, whatever the trade's entry says.
  if (!moved.ok) return moved;
  if ("code" in moved && !learned) return moved;
  return took(context, entry);
};

const nothingNew = { ok: true, code: "exists" } as const;

function took({ state }: BlockContext, entry: FeederEntry): Outcome {
  feeders.set(state, entry.chain, entry);
  return { ok: true };
}

function apply(
  context: BlockContext,
  other: OtherEntry & { ok: true },
  proof: StateProof,
): Outcome {
  return other.way === "purchase" ? toSale(context, other, proof) : toPurchase(context, other);
}

function toSale(
  context: BlockContext,
  { trade, purchase }: Extract<OtherEntry, { way: "purchase" }>,
  proof: StateProof,
): Outcome {
  const sale = feederSales.get(context.state, trade);
  if (sale === undefined) return refuse("feeder.trade", `no trade ${trade} was offered here`);
  const move = saleAfter(sale, purchase, utcMs(context.time));
  if (move === undefined) return nothingNew;
  const stale = move.to === "confirmed" ? checkClock(context, proof) : undefined;
  if (stale !== undefined) return stale;
  return moveSale(context, { trade, sale, move, buyer: purchase.buyer }) ?? { ok: true };
}

function toPurchase(
  context: BlockContext,
  { trade, sale }: Extract<OtherEntry, { way: "sale" }>,
): Outcome {
  const purchase = feederPurchases.get(context.state, trade);
  if (purchase === undefined) return refuse("feeder.trade", `nobody here has taken ${trade}`);
  const move = purchaseAfter(purchase, sale, context.time);
  if (move === undefined) return nothingNew;
  if (move === "unmetered") {
    const text = `what crossed the boundary for ${trade} is not read here yet; show it again then`;
    return refuse("feeder.unmetered", text);
  }
  return movePurchase(context, { trade, purchase, move, sale }) ?? { ok: true };
}
