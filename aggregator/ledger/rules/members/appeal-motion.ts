import { encodeMessage } from "@busbar/protocol";
import type { TxRule } from "../../rule.ts";
import { checkAppeal } from "./appeal-effect.ts";
import { decide } from "./decide.ts";
import { checkOpening, checkVoter, motionId, openMotion } from "./motions.ts";
import { motions } from "./tables.ts";

/**
 * A member with a vote asks the others to strike an entry from a credit report: an owner's or a member's
 * appeal. Only the entries that the report shows can be struck.
 *
 * Codes, in order: `motion.rights`, `appeal.unknown`, `motion.open`, `motion.too-many`.
 */
export const appealMotionRule: TxRule<"appeal-motion"> = (context, message, signer) => {
  const { state } = context;
  const rights = checkVoter(state, message.member, signer);
  if (rights !== undefined) return rights;
  const payload = encodeMessage("appeal-motion", message);
  if (motions.get(state, motionId(payload)) !== undefined) return { ok: true, code: "exists" };
  const refusal = checkAppeal(context, message);
  if (refusal !== undefined) return refusal;
  const motion = {
    kind: "appeal-motion",
    message: payload,
    by: message.member,
    about: `credit-${message.account}`,
  } as const;
  const closed = checkOpening(state, motion);
  if (closed !== undefined) return closed;
  decide(context, openMotion(context, motion));
  return { ok: true };
};
