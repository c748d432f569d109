import { councilOf } from "../../council.ts";
import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { caseId, closeCase, outcomeOf } from "./cases.ts";
import { cases } from "./tables.ts";

/**
 * Takes a voting member's word on a case; the word that decides it carries it out.
 *
 * Codes, in order: `ruling.rights`, `ruling.case-unknown`; for a member that gave its word `exists`
 * (the same) or `ruling.exists-different`; `ruling.closed`.
 */
export const rulingRule: TxRule<"ruling"> = (context, { member, slot, motion, word }, signer) => {
  const { state } = context;
  const votes = councilOf(state).voters.some(({ id }) => id === member);
  if (signer.kind !== "member" || signer.id !== member || !votes) {
    return refuse(
      "ruling.rights",
      `expected the signature of a voting member ${member}, got ${signer.kind} ${signer.id}'s`,
    );
  }
  const id = caseId(slot, motion);
  const known = cases.get(state, id);
  if (known === undefined) return refuse("ruling.case-unknown", `there is no case ${id}`);
  const before = known.words.find((said) => said.member === member);
  if (before !== undefined) {
    return before.word === word
      ? { ok: true, code: "exists" }
      : refuse("ruling.exists-different", `${member} gave its word: ${before.word}`);
  }
  if (known.outcome !== "open") {
    return refuse("ruling.closed", `the case was closed before: ${known.outcome}`);
  }
  const words = [...known.words, { member, word }];
  const now = { ...known, words };
  cases.set(state, id, now);
  const outcome = outcomeOf(context, now);
  if (outcome !== undefined) closeCase(context, motion, now, outcome);
  return { ok: true };
};
