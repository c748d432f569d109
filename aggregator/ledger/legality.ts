import { field, int, record, type TypeOf } from "@busbar/protocol/schema";
import type { BlockContext } from "./rule.ts";
import { table } from "./state/table.ts";

const count = int(0, Number.MAX_SAFE_INTEGER);

const legalityRecord = record("legality", {
  /** Contracts that were voided, and it was this one's fault. */
  voidContracts: field(1, count),
  /** Objections of this one that the members rejected. */
  wrongObjections: field(2, count),
});

/** `legality/<owner or member>`: the part of the credit report that decisions about contracts fill. */
export const legality = table("legality", legalityRecord);

/** Counts a violation in the credit report of an owner or member. */
export function noteViolation(
  { state, emit }: BlockContext,
  id: string,
  kind: keyof TypeOf<typeof legalityRecord>,
): void {
  const report = legality.get(state, id) ?? { voidContracts: 0, wrongObjections: 0 };
  legality.set(state, id, { ...report, [kind]: report[kind] + 1 });
  emit({ type: "credit-noted", id, violation: kind });
}
