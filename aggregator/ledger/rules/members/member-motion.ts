import { encodeMessage } from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { checkChange, hasTerms } from "./changes.ts";
import { decide } from "./decide.ts";
import { changeOf, requestId } from "./member-motion-effect.ts";
import { checkOpening, checkVoter, motionId, openMotion } from "./motions.ts";
import { grantedRequests, motions } from "./tables.ts";

/**
 * A member with a vote asks the others to admit, remove, suspend or reinstate somebody. Admission
 * needs the newcomer's own signed request; a member that is known may so renew its terms, change its
 * key, or come back. The change is in force two heights after a quorum has voted for it.
 *
 * Codes, in order: `motion.rights`, `member.request`, `member.request-used`, `member.unknown`,
 * `member.state`, `member.expired`, `member.id-taken`, `member.key-taken`, `member.too-many`,
 * `motion.open`, `motion.too-many`.
 */
export const memberMotionRule: TxRule<"member-motion"> = (context, message, signer) => {
  const { state, time } = context;
  const rights = checkVoter(state, message.member, signer);
  if (rights !== undefined) return rights;
  const payload = encodeMessage("member-motion", message);
  if (motions.get(state, motionId(payload)) !== undefined) return { ok: true, code: "exists" };
  const wanted = changeOf(context, message);
  if (!wanted.ok) return wanted;
  const { change } = wanted;
  if (message.request !== undefined) {
    if (change.terms !== undefined && hasTerms(state, change.terms)) {
      return { ok: true, code: "exists" };
    }
    const granted = grantedRequests.get(state, requestId(message.request));
    if (granted !== undefined) {
      const text = `it was granted in block ${granted.height}; ${message.subject} makes a new one`;
      return refuse("member.request-used", text);
    }
  }
  const refusal = checkChange(state, change, time);
  if (refusal !== undefined) return refusal;
  const motion = {
    kind: "member-motion",
    message: payload,
    by: message.member,
    about: `member-${message.subject}`,
  } as const;
  const closed = checkOpening(state, motion);
  if (closed !== undefined) return closed;
  decide(context, openMotion(context, motion));
  return { ok: true };
};
