import { encodeMessage } from "@busbar/protocol";
import type { TxRule } from "../../rule.ts";
import { decide } from "./decide.ts";
import { checkFeeder } from "./feeder-effect.ts";
import { checkOpening, checkVoter, motionId, openMotion } from "./motions.ts";
import { motions } from "./tables.ts";

/**
 * A member with a vote asks the others to trust another feeder's chain, or to trade with it no longer.
 *
 * Codes, in order: `motion.rights`, those of `checkFeeder`, `motion.open`, `motion.too-many`.
 */
export const feederMotionRule: TxRule<"feeder-motion"> = (context, message, signer) => {
  const { state } = context;
  const rights = checkVoter(state, message.member, signer);
  if (rights !== undefined) return rights;
  const payload = encodeMessage("feeder-motion", message);
  if (motions.get(state, motionId(payload)) !== undefined) return { ok: true, code: "exists" };
  const refusal = checkFeeder(context, message);
  if (refusal !== undefined) return refusal;
  const motion = {
    kind: "feeder-motion",
    message: payload,
    by: message.member,
    about: `feeder-${message.chain}`,
  } as const;
  const closed = checkOpening(state, motion);
  if (closed !== undefined) return closed;
  decide(context, openMotion(context, motion));
  return { ok: true };
};
