import {
  array,
  field,
  instant,
  int,
  oneOf,
  record,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";
import type { BlockContext } from "./rule.ts";
import type { StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;

/** What a violation costs, in points of credit. A kind is never renamed. */
export const violations = {
  /** A sealed quote that was never opened: others priced and planned with it. */
  "quote-unopened": 5,
  /** A contract that was voided, and it was this one's fault. */
  "void-contract": 50,
  /** An objection that the members rejected. */
  "wrong-objection": 20,
  /** Two signed votes of a member that exclude each other: an attempt on the ledger itself. */
  equivocation: 250,
  /** A signed block that a quorum computed otherwise: its program or machine is not what it should be. */
  deviation: 100,
} as const;

export type Violation = keyof typeof violations;

/** Newest entries that an account's report shows in the state; all of them stand in the blocks. */
export const creditEntriesMax = 16;

/** Where an account without violations stands. */
export const fullCredit = 1000;

const kind = oneOf(
  "quote-unopened",
  "void-contract",
  "wrong-objection",
  "equivocation",
  "deviation",
);

const creditRecord = record("credit", {
  /** How often, by kind, in order of the first time. */
  counts: field(
    1,
    array(record("credit-count", { kind: field(1, kind), times: field(2, int(1, most)) }), 0, 64),
  ),
  /** What all of it cost. */
  points: field(2, int(0, most)),
  /** The newest violations, the oldest of them first. */
  entries: field(
    3,
    array(
      record("credit-entry", {
        kind: field(1, kind),
        height: field(2, int(1, most)),
        time: field(3, instant),
        reason: field(4, text(200)),
      }),
      0,
      creditEntriesMax,
    ),
  ),
});

/** `credit/<owner or member>`: the credit report of who has one; nobody begins with one. */
export const creditReports = table("credit", creditRecord);
export type CreditReport = TypeOf<typeof creditRecord>;

/** An account's place in the ranking. */
export type Standing = { readonly id: string; readonly score: number };

/** Puts a violation on an account's report, in the block in which it is found. */
export function reportViolation(
  { state, height, time, emit }: BlockContext,
  { id, kind, reason }: { readonly id: string; readonly kind: Violation; readonly reason: string },
): void {
  const before = creditReports.get(state, id) ?? { counts: [], points: 0, entries: [] };
  const isKnown = before.counts.some((count) => count.kind === kind);
  const counts = before.counts.map((count) =>
    count.kind === kind ? { kind, times: count.times + 1 } : count,
  );
  const entry = { kind, height, time, reason: reason.slice(0, 200) };
  creditReports.set(state, id, {
    counts: isKnown ? counts : [...counts, { kind, times: 1 }],
    points: before.points + violations[kind],
    entries: [...before.entries, entry].slice(-creditEntriesMax),
  });
  emit({ type: "violation", id, kind, points: violations[kind], reason: entry.reason });
}

/** An account's score: what is left of `fullCredit`, 0 at least. */
export function creditScore(state: StateReader, id: string): number {
  return Math.max(0, fullCredit - (creditReports.get(state, id)?.points ?? 0));
}

/** Accounts by reputation: the best first, equal ones by id. */
export function creditRanking(state: StateReader, ids: Iterable<string>): readonly Standing[] {
  return Array.from(ids, (id) => ({ id, score: creditScore(state, id) })).sort(
    (a, b) => b.score - a.score || (a.id < b.id ? -1 : 1),
  );
}
