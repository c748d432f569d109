import type { AccountMotion, Refusal } from "@busbar/protocol";
import { suspendedAccounts } from "../../exposure.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext } from "../../rule.ts";
import { owners } from "../../tables.ts";
import { isBalancing } from "../market/balancing.ts";

/**
 * Why an account cannot be suspended, or let trade again; codes, in order: `account.unknown`, `account.bureau`,
 * `account.state`.
 */
export function checkAccount(
  { state }: Pick<BlockContext, "state">,
  { account, action }: Pick<AccountMotion, "account" | "action">,
): Refusal | undefined {
  if (owners.get(state, account) === undefined) {
    return refuse("account.unknown", `expected an owner of this ledger, got ${account}`);
  }
  if (action === "suspend" && isBalancing(state, account)) {
    return refuse("account.bureau", `everybody settles with ${account}: it cannot be suspended`);
  }
  const isSuspended = suspendedAccounts.get(state, account) !== undefined;
  if (isSuspended !== (action === "suspend")) return undefined;
  const word = isSuspended ? "suspended" : "not suspended";
  return refuse("account.state", `${account} is ${word} already`);
}

/** Suspends an account, or lets it trade again, as the members decided. */
export function enactAccountMotion(
  context: BlockContext,
  { account, action, reason }: AccountMotion,
): Refusal | undefined {
  const refusal = checkAccount(context, { account, action });
  if (refusal !== undefined) return refusal;
  const { state, time, emit } = context;
  if (action === "suspend") suspendedAccounts.set(state, account, { since: time });
  else suspendedAccounts.delete(state, account);
  emit({ type: "account-changed", owner: account, action, reason: reason ?? null });
  return undefined;
}
