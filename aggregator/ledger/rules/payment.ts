import { compareBytes, encodeMessage, micro, type Payment } from "@busbar/protocol";
import { bytes, field, int, record } from "@busbar/protocol/schema";
import { addAccountEntry, hasEntriesOf } from "../account-entries.ts";
import {
  type AccountSide,
  balanceOf,
  type Entry,
  moneyOf,
  openAccount,
  postIfItFits,
} from "../accounts.ts";
import { keepCollateral, releaseCollateral } from "../collateral.ts";
import { creditChecks, headroom } from "../exposure.ts";
import { refuse } from "../refuse.ts";
import type { BlockContext, Outcome, TxRefusal, TxRule } from "../rule.ts";
import { sha256 } from "../sha256.ts";
import { table } from "../state/table.ts";
import { bureaus, owners } from "../tables.ts";
import { isBalancing } from "./market/balancing.ts";

/** A hundredth of the currency, 10⁻⁶. */
export const amountMin = 10_000;

/** Payments that one block takes on one account. */
export const paymentsMax = 64;

/** `payment/<owner>`: what it acknowledged last. */
export const payments = table(
  "payment",
  record("payment-entry", {
    version: field(1, int(1, Number.MAX_SAFE_INTEGER)),
    hash: field(2, bytes(32)),
  }),
);

/**
 * Takes an owner's word that it got money outside of the ledger: it can only give up what others owe it.
 * Who is not the bureau that balances acknowledges at most what is owed to it, so that nobody comes to owe by it.
 * Collateral lies with a bureau, which acknowledges that it came; its owner that it is back.
 *
 * Nobody makes another's account endless: a payment is a hundredth of the currency at least, which is what bills are
 * rounded to, and a block puts no more than `paymentsMax` on an account.
 *
 * Codes, in order: `payment.rights`, `payment.unknown`, `payment.self`, `payment.exists-different`,
 * `payment.version`, `payment.too-small`, `payment.too-many`, `payment.bureau`, `payment.beyond-balance`,
 * `payment.needed`, `payment.too-much`.
 */
export const paymentRule: TxRule<"payment"> = (context, message, signer): Outcome => {
  const { state, time, emit } = context;
  const { by, from, version, amount, purpose } = message;
  if (signer.kind !== "owner" || signer.id !== by) {
    return refuse("payment.rights", `expected the signature of owner ${by}, got ${signer.id}'s`);
  }
  if (owners.get(state, from) === undefined) {
    return refuse("payment.unknown", `expected an owner who paid, got ${from}`);
  }
  if (by === from) return refuse("payment.self", `${by} cannot pay itself`);
  const hash = sha256(encodeMessage("payment", message));
  const known = payments.get(state, by);
  if (known !== undefined && known.version === version) {
    if (compareBytes(known.hash, hash) === 0) return { ok: true, code: "exists" };
    const text = `payment ${version} of ${by} says something else on the ledger`;
    return refuse("payment.exists-different", text);
  }
  const next = (known?.version ?? 0) + 1;
  if (version !== next) {
    return refuse("payment.version", `expected payment ${next} of ${by}, got ${version}`);
  }
  const refusal = checkSize(context, message) ?? checkCover(context, message);
  if (refusal !== undefined) return refusal;
  const entries = entriesOf(context, message);
  for (const { owner, side } of entries) openAccount(state, owner, side);
  if (!postIfItFits(state, entries)) {
    return refuse("payment.too-much", `${amount} would lead an account beyond 2⁵³`);
  }
  payments.set(state, by, { version, hash });
  if (purpose === "collateral") noteCollateral(context, message);
  const about = {
    sort: purpose === "collateral" ? "collateral" : "payment",
    payment: { by, version },
  } as const;
  addAccountEntry(context, by, { ...about, with: from, money: micro(-amount) });
  addAccountEntry(context, from, { ...about, with: by, money: micro(amount) });
  for (const owner of [by, from]) creditChecks.set(state, owner, { at: time });
  emit({ type: "payment-acknowledged", by, from, amount, purpose });
  return { ok: true };
};

function checkSize(context: BlockContext, { by, from, amount }: Payment): TxRefusal | undefined {
  if (amount < amountMin) {
    const text = `expected ${amountMin} (10⁻⁶ currency) at least, got ${amount}`;
    return refuse("payment.too-small", text);
  }
  const full = [by, from].find((owner) => hasEntriesOf(context, owner, paymentsMax));
  if (full === undefined) return undefined;
  const text = `${full} has ${paymentsMax} payments in this block; send it again for the next one`;
  return refuse("payment.too-many", text);
}

function checkCover(context: BlockContext, message: Payment): TxRefusal | undefined {
  const { state, parameters } = context;
  const { by, from, amount, purpose } = message;
  const [toBureau, fromBureau] = [by, from].map((owner) => bureaus.get(state, owner) !== undefined);
  if (purpose === "collateral" && toBureau === fromBureau) {
    const message = `expected collateral between a bureau and another owner, got ${from} and ${by}`;
    return refuse("payment.bureau", message);
  }
  if (isBalancing(state, by)) return undefined;
  if (toBureau && purpose === "collateral") return checkKeeper(context, message);
  const has = purpose === "collateral" ? moneyOf(state, by, "collateral") : balanceOf(state, by);
  if (amount > has) {
    const what = purpose === "collateral" ? "is kept for it" : "is owed to it";
    return refuse("payment.beyond-balance", `${by} got ${amount}, and ${has} ${what}`);
  }
  const free = headroom(state, by, parameters);
  if (free === undefined || amount <= free) return undefined;
  const text = `${by} is bound to payments: ${Math.max(0, free)} may go, got ${amount}`;
  return refuse("payment.needed", text);
}

/** A bureau that does not balance keeps as much as it could answer for itself. */
function checkKeeper({ state, parameters }: BlockContext, { by, amount }: Payment) {
  const free = headroom(state, by, parameters) ?? balanceOf(state, by);
  if (amount <= free) return undefined;
  const text = `${by} answers for ${Math.max(0, free)} of collateral, got ${amount}`;
  return refuse("payment.beyond-balance", text);
}

/** Notes with whom collateral lies. */
function noteCollateral({ state, time }: BlockContext, { by, from, amount }: Payment): void {
  if (bureaus.get(state, by) !== undefined) {
    keepCollateral(state, { bureau: by, owner: from, money: amount });
    return;
  }
  const less = releaseCollateral(state, { owner: by, money: amount, first: from });
  for (const bureau of less) creditChecks.set(state, bureau, { at: time });
}

function entriesOf({ state }: BlockContext, { by, from, amount, purpose }: Payment): Entry[] {
  const sideOf = (owner: string): AccountSide =>
    purpose === "collateral" && bureaus.get(state, owner) === undefined ? "collateral" : "paid";
  return [
    { owner: by, side: sideOf(by), money: micro(-amount), energyWh: 0 },
    { owner: from, side: sideOf(from), money: micro(amount), energyWh: 0 },
  ];
}
