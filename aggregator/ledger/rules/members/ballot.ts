import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { decide } from "./decide.ts";
import { checkVoter } from "./motions.ts";
import { motions } from "./tables.ts";

/**
 * A member's vote on an open motion. It stands: nobody votes twice.
 *
 * Codes, in order: `motion.rights`, `ballot.unknown`, `ballot.exists-different`, `ballot.closed`.
 */
export const ballotRule: TxRule<"ballot"> = (context, { motion: hash, member, accept }, signer) => {
  const { state, emit } = context;
  const rights = checkVoter(state, member, signer);
  if (rights !== undefined) return rights;
  const id = Buffer.from(hash).toString("hex");
  const motion = motions.get(state, id);
  if (motion === undefined) return refuse("ballot.unknown", `there is no motion ${id}`);
  const before = motion.ballots.find((cast) => cast.member === member);
  if (before?.accept === accept) return { ok: true, code: "exists" };
  if (before !== undefined) {
    const said = before.accept ? "for" : "against";
    return refuse("ballot.exists-different", `${member} has voted ${said} it; a vote stands`);
  }
  if (motion.outcome !== "open") {
    return refuse("ballot.closed", `the motion is decided: ${motion.outcome}`);
  }
  const ballots = [...motion.ballots, { member, accept }];
  motions.set(state, id, { ...motion, ballots });
  emit({ type: "ballot-cast", motion: id, member, accept });
  decide(context, id);
  return { ok: true };
};
