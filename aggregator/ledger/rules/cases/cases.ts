import assert from "node:assert/strict";
import { quorum, type UtcMs } from "@busbar/protocol";
import { councilOf } from "../../council.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { slotKey } from "../../settlements.ts";
import { carryOutCorrection } from "./carry-out-correction.ts";
import { carryOutObjection } from "./carry-out-objection.ts";
import { type Case, type CaseOutcome, caseDeadlines, cases } from "./tables.ts";

/** How long the voting members have for a case. */
export const caseMs = 7 * 86_400_000;

/** Names a case: its slot, and SHA-256 of the payload that opened it. */
export function caseId(slot: number, motion: Uint8Array): string {
  return `${slotKey(slot)}/${Buffer.from(motion).toString("hex")}`;
}

/** Lays something before the voting members. */
export function openCase(
  { state, time, emit }: BlockContext,
  motion: Uint8Array,
  about: Pick<Case, "slot" | "by" | "correction" | "objection">,
): void {
  const until = (time + caseMs) as UtcMs;
  cases.set(state, caseId(about.slot, motion), { ...about, until, outcome: "open", words: [] });
  caseDeadlines.set(state, deadlineId(until, about.slot, motion), { slot: about.slot, motion });
  emit({
    type: "case-opened",
    motion: Buffer.from(motion).toString("hex"),
    slot: about.slot,
    by: about.by,
    about: about.correction === undefined ? "objection" : "correction",
    until,
  });
}

/**
 * What the words of those who vote now make of a case. It is upheld by a quorum, and rejected as soon
 * as no quorum can come about any more.
 */
export function outcomeOf({ state }: BlockContext, { words }: Case): CaseOutcome | undefined {
  const { voters } = councilOf(state);
  const count = (word: "uphold" | "reject") =>
    words.filter((said) => said.word === word && voters.some(({ id }) => id === said.member))
      .length;
  const needed = quorum(voters.length);
  if (count("uphold") >= needed) return "upheld";
  return count("reject") > voters.length - needed ? "rejected" : undefined;
}

/** Ends a case and does what was decided. */
export function closeCase(
  context: BlockContext,
  motion: Uint8Array,
  given: Case,
  outcome: CaseOutcome,
) {
  const { state, emit } = context;
  const { slot, until, words, correction, objection } = given;
  cases.set(state, caseId(slot, motion), { ...given, outcome });
  caseDeadlines.delete(state, deadlineId(until, slot, motion));
  const said = (word: string) => words.filter((entry) => entry.word === word).length;
  emit({
    type: "case-closed",
    motion: Buffer.from(motion).toString("hex"),
    slot,
    outcome,
    upheldBy: said("uphold"),
    rejectedBy: said("reject"),
  });
  if (correction !== undefined) carryOutCorrection(context, correction, outcome);
  if (objection !== undefined) carryOutObjection(context, { slot, objection, outcome });
}

/** Cases that nobody decided in time lapse: what was objected to stands. */
export const casesRule: BlockRule = {
  name: "cases",
  due: (state, time) => {
    for (const [id] of caseDeadlines.scan(state)) return instantOf(id) <= time;
    return false;
  },
  run(context) {
    for (const [id, { slot, motion }] of [...caseDeadlines.scan(context.state)]) {
      if (instantOf(id) > context.time) return;
      const open = cases.get(context.state, caseId(slot, motion));
      assert(open !== undefined, "a case that has a deadline is on record");
      closeCase(context, motion, open, "lapsed");
    }
  },
};

function deadlineId(until: number, slot: number, motion: Uint8Array): string {
  return `${slotKey(until)}/${caseId(slot, motion)}`;
}

function instantOf(id: string): number {
  return Number(id.slice(0, 15));
}
