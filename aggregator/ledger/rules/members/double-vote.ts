import { type CometbftVote, cometbftVoteBytes, compareBytes } from "@busbar/protocol";
import { field, id, int, record } from "@busbar/protocol/schema";
import { councilOfEpoch } from "../../council.ts";
import { reportViolation } from "../../credit.ts";
import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { table } from "../../state/table.ts";
import { equivocationsMax } from "./evidence.ts";

/** `double-vote/<member>/<epoch>/<height>/<round>-<type>`: who proved it, and in which block. */
export const doubleVotes = table(
  "double-vote",
  record("double-vote-entry", {
    by: field(1, id),
    block: field(2, int(1, Number.MAX_SAFE_INTEGER)),
  }),
);

/**
 * A member proves that another one voted twice in one round of CometBFT: its two signatures, which anybody can
 * check. Heights are CometBFT's own. Each such place hits the credit report once.
 *
 * Codes, in order: `evidence.rights`, `evidence.same`, `evidence.stranger`, `evidence.signature`,
 * `evidence.enough`.
 */
export const doubleVoteRule: TxRule<"double-vote"> = (context, message, signer) => {
  const { member, from, epoch, type, height, round, first, second } = message;
  const { state, chain, verify } = context;
  if (signer.kind !== "member" || signer.id !== member) {
    const text = `expected the signature of member ${member}, got ${signer.kind} ${signer.id}'s`;
    return refuse("evidence.rights", text);
  }
  if (isSame(first.block, second.block)) {
    return refuse("evidence.same", "both votes are for the same block");
  }
  const voter = councilOfEpoch(state, epoch)?.voters.find((known) => known.id === from);
  if (voter === undefined) {
    return refuse("evidence.stranger", `${from} had no vote in epoch ${epoch}`);
  }
  for (const vote of [first, second]) {
    const bytes = cometbftVoteBytes({ type, height, round }, vote, chain);
    if (!verify(vote.signature, bytes, voter.key)) {
      return refuse("evidence.signature", `a vote is not signed by the key of ${from}`);
    }
  }
  const place = `${from}/${epoch}/${height}/`;
  const name = `${place}${round}-${type}`;
  if (doubleVotes.get(state, name) !== undefined) return { ok: true, code: "exists" };
  if ([...doubleVotes.scan(state, place)].length >= equivocationsMax) {
    return refuse("evidence.enough", `${from} is known to have voted twice at ${height}`);
  }
  doubleVotes.set(state, name, { by: member, block: context.height });
  const kind = type === 1 ? "prevotes" : "precommits";
  const reason = `two ${kind} in CometBFT's height ${height}, round ${round}, epoch ${epoch}`;
  reportViolation(context, { id: from, kind: "equivocation", reason });
  return { ok: true };
};

function isSame(one: CometbftVote["block"], other: CometbftVote["block"]): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.parts === other.parts &&
    compareBytes(one.hash, other.hash) === 0 &&
    compareBytes(one.partsRoot, other.partsRoot) === 0
  );
}
