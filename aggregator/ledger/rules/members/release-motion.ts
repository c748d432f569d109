import { encodeMessage } from "@busbar/protocol";
import type { TxRule } from "../../rule.ts";
import { decide } from "./decide.ts";
import { checkOpening, checkVoter, motionId, openMotion } from "./motions.ts";
import { checkRelease } from "./release-effect.ts";
import { motions } from "./tables.ts";

/**
 * A member with a vote asks the others that units may install a program, stage by stage, or that the
 * present release ends.
 *
 * Codes, in order: `motion.rights`, `release.none`, `release.number`, `release.bundles`,
 * `release.stages`, `motion.open`, `motion.too-many`.
 */
export const releaseMotionRule: TxRule<"release-motion"> = (context, message, signer) => {
  const { state } = context;
  const rights = checkVoter(state, message.member, signer);
  if (rights !== undefined) return rights;
  const payload = encodeMessage("release-motion", message);
  if (motions.get(state, motionId(payload)) !== undefined) return { ok: true, code: "exists" };
  const refusal = checkRelease(state, message.release);
  if (refusal !== undefined) return refusal;
  const motion = {
    kind: "release-motion",
    message: payload,
    by: message.member,
    about: "release",
  } as const;
  const closed = checkOpening(state, motion);
  if (closed !== undefined) return closed;
  decide(context, openMotion(context, motion));
  return { ok: true };
};
