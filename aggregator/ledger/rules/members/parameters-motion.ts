import { encodeMessage } from "@busbar/protocol";
import type { TxRule } from "../../rule.ts";
import { decide } from "./decide.ts";
import { checkOpening, checkVoter, motionId, openMotion } from "./motions.ts";
import { checkParameters } from "./parameters-effect.ts";
import { motions } from "./tables.ts";

/**
 * A member with a vote asks the others for other parameters of the market. They hold for the slots
 * from a stated one on that is not open yet; a slot keeps what it was opened with. The length of a
 * slot stays what it is.
 *
 * Codes, in order: `motion.rights`, `parameters.slot`, `parameters.open`, `parameters.length`,
 * `parameters.unsound`, `parameters.feeder`, `motion.open`, `motion.too-many`.
 */
export const parametersMotionRule: TxRule<"parameters-motion"> = (context, message, signer) => {
  const { state } = context;
  const rights = checkVoter(state, message.member, signer);
  if (rights !== undefined) return rights;
  const payload = encodeMessage("parameters-motion", message);
  if (motions.get(state, motionId(payload)) !== undefined) return { ok: true, code: "exists" };
  const refusal = checkParameters(context, message);
  if (refusal !== undefined) return refusal;
  const motion = {
    kind: "parameters-motion",
    message: payload,
    by: message.member,
    about: "parameters",
  } as const;
  const closed = checkOpening(state, motion);
  if (closed !== undefined) return closed;
  decide(context, openMotion(context, motion));
  return { ok: true };
};
