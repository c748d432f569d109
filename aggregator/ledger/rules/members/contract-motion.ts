import { encodeMessage } from "@busbar/protocol";
import type { TxRule } from "../../rule.ts";
import { checkContract } from "./contract-effect.ts";
import { decide } from "./decide.ts";
import { checkOpening, checkVoter, motionId, openMotion } from "./motions.ts";
import { motions } from "./tables.ts";

/**
 * A member with a vote asks the others for another version of the market's rules. It holds for the
 * slots from a stated one on that is not open yet; a slot keeps the version it was opened with.
 *
 * Codes, in order: `motion.rights`, `contract.slot`, `contract.open`, `contract.exists-different`,
 * `contract.same`, `motion.open`, `motion.too-many`.
 */
export const contractMotionRule: TxRule<"contract-motion"> = (context, message, signer) => {
  const { state } = context;
  const rights = checkVoter(state, message.member, signer);
  if (rights !== undefined) return rights;
  const payload = encodeMessage("contract-motion", message);
  if (motions.get(state, motionId(payload)) !== undefined) return { ok: true, code: "exists" };
  const refusal = checkContract(context, message);
  if (refusal !== undefined) return refusal;
  const motion = {
    kind: "contract-motion",
    message: payload,
    by: message.member,
    about: "contract",
  } as const;
  const closed = checkOpening(state, motion);
  if (closed !== undefined) return closed;
  decide(context, openMotion(context, motion));
  return { ok: true };
};
