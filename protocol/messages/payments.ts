import { bytes, int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import type { Micro } from "../units/brands.ts";
import { id } from "./id.ts";

const most = Number.MAX_SAFE_INTEGER;

/** A thousand million in the site's currency: more is a typing error, and sums stay far below 2⁵³. */
export const moneyMax = 1_000_000_000_000_000;

/**
 * Who got money outside of the ledger says so: its claim on the others is smaller by it, that of who
 * paid is greater. Nobody but who gives something up can sign it. `version` counts what `by`
 * acknowledged, from 1 on.
 */
export const payment = record("payment", {
  by: field(1, id),
  from: field(2, id),
  version: field(3, int(1, most)),
  amount: field(4, int<Micro>(1, moneyMax)),
  /** `collateral`: handed to a bureau to be kept for what the account may owe, or handed back by it. */
  purpose: field(5, oneOf("balance", "collateral")),
  reference: optional(6, text(80)),
});

/**
 * What an account may owe, and when a party counts as under-delivering.
 *
 * `line`: what an account with full credit may owe without collateral; with less credit it is smaller in
 * proportion. `tolerancePermille`: how much less than it sold a party may give, in thousandths of it. `tiesByScore`: of
 * quotes at one limit those of the better score are served first; else all of them share.
 */
export const creditTerms = record("credit-terms", {
  line: field(1, int<Micro>(0, moneyMax)),
  tolerancePermille: field(2, int(0, 1000)),
  tiesByScore: optional(3, int<1>(1, 1)),
});

/** What stands on credit reports; a kind is never renamed. */
export const violationKind = oneOf(
  "quote-unopened",
  "void-contract",
  "wrong-objection",
  "equivocation",
  "deviation",
  "under-delivery",
  "non-payment",
  "order-refused",
  "order-unkept",
  "readings-late",
  "readings-missing",
);

/** A member asks the others to strike an entry from an account's credit report. */
export const appealMotion = record("appeal-motion", {
  nonce: field(1, bytes(16)),
  member: field(2, id),
  /** Whose report. */
  account: field(3, id),
  /** Of the block in which it was written, and what it says. */
  height: field(4, int(1, most)),
  kind: field(5, violationKind),
  reason: optional(6, text(200)),
});

/** A member asks the others to suspend an owner's account in the market, or to let it trade again. */
export const accountMotion = record("account-motion", {
  nonce: field(1, bytes(16)),
  member: field(2, id),
  account: field(3, id),
  action: field(4, oneOf("suspend", "reinstate")),
  reason: optional(5, text(200)),
});

export type AccountMotion = TypeOf<typeof accountMotion>;
export type Payment = TypeOf<typeof payment>;
export type CreditTerms = TypeOf<typeof creditTerms>;
export type AppealMotion = TypeOf<typeof appealMotion>;
