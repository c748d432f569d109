import { encodeMessage } from "@busbar/protocol";
import type { TxRule } from "../../rule.ts";
import { checkAccount } from "./account-effect.ts";
import { decide } from "./decide.ts";
import { checkOpening, checkVoter, motionId, openMotion } from "./motions.ts";
import { motions } from "./tables.ts";

/**
 * A member with a vote asks the others to suspend an owner's account in the market, or to let it trade again. While it is
 * suspended it seals no quote and orders nothing; what it signed before stands, its meters are settled as
 * ever, and what they show beyond that is imbalance.
 *
 * Codes, in order: `motion.rights`, `account.unknown`, `account.bureau`, `account.state`, `motion.open`,
 * `motion.too-many`.
 */
export const accountMotionRule: TxRule<"account-motion"> = (context, message, signer) => {
  const { state } = context;
  const rights = checkVoter(state, message.member, signer);
  if (rights !== undefined) return rights;
  const payload = encodeMessage("account-motion", message);
  if (motions.get(state, motionId(payload)) !== undefined) return { ok: true, code: "exists" };
  const refusal = checkAccount(context, message);
  if (refusal !== undefined) return refusal;
  const motion = {
    kind: "account-motion",
    message: payload,
    by: message.member,
    about: `account-${message.account}`,
  } as const;
  const closed = checkOpening(state, motion);
  if (closed !== undefined) return closed;
  decide(context, openMotion(context, motion));
  return { ok: true };
};
