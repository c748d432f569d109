import { type UtcMs, utcMs } from "@busbar/protocol";
import {
  array,
  field,
  id,
  instant,
  int,
  optional,
  record,
  type TypeOf,
  text,
  violationKind,
} from "@busbar/protocol/schema";
import type { BlockContext } from "./rule.ts";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;

/** What a violation costs, in points of credit. */
export const violations: Readonly<Record<TypeOf<typeof violationKind>, number>> = {
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
  /** Less energy than was sold, by more than the community tolerates. */
  "under-delivery": 5,
  /** An account that owes more than its collateral and its credit line cover. */
  "non-payment": 100,
  /** An order within the owner's own mandate that its unit would not carry out. */
  "order-refused": 10,
  /** An order that was taken and, as the meters show, not carried out. */
  "order-unkept": 10,
  /** A meter whose readings did not come in time; it may still bring them. */
  "readings-late": 2,
  /** A chain of readings with a hole that is longer than a slot: nobody can tell what flowed when. */
  "readings-missing": 10,
};

export type Violation = keyof typeof violations;

/** Newest entries that an account's report shows in the state; all of them stand in the blocks. */
export const creditEntriesMax = 16;

/** Where an account without violations stands. */
export const fullCredit = 1000;

/** So often each violation's points become three quarters of what they were, rounded down. */
export const decayMs = 30 * 86_400_000;

const points = int(0, most);

const creditRecord = record("credit", {
  /** How often, by kind, in order of the first time. */
  counts: field(
    1,
    array(
      record("credit-count", { kind: field(1, violationKind), times: field(2, int(1, most)) }),
      0,
      64,
    ),
  ),
  /** What is left of what all of it cost. */
  points: field(2, points),
  /** The newest violations, the oldest of them first. */
  entries: field(
    3,
    array(
      record("credit-entry", {
        kind: field(1, violationKind),
        height: field(2, int(1, most)),
        time: field(3, instant),
        reason: field(4, text(200)),
        /** What is left of its points. */
        left: field(5, points),
      }),
      0,
      creditEntriesMax,
    ),
  ),
  /** When the points are fewer next; absent while there are none. */
  decaysAt: optional(4, instant),
  /** How often its points became three quarters; absent: never. */
  fades: optional(5, int(1, most)),
});

/** `credit/<owner or member>`: the credit report of who has one; nobody begins with one. */
export const creditReports = table("credit", creditRecord);
export type CreditReport = TypeOf<typeof creditRecord>;

/** `credit-decay/<instant, 15 digits>/<owner or member>`: whose points are fewer when. */
export const creditDecays = table(
  "credit-decay",
  record("credit-decay", { account: field(1, id) }),
);

/** An account's place in the ranking. */
export type Standing = { readonly id: string; readonly score: number };

/** Puts a violation on an account's report, in the block in which it is found. */
export function reportViolation(
  { state, height, time, emit }: BlockContext,
  { id, kind, reason }: { readonly id: string; readonly kind: Violation; readonly reason: string },
): void {
  const before: CreditReport = creditReports.get(state, id) ?? {
    counts: [],
    points: 0,
    entries: [],
  };
  const isKnown = before.counts.some((count) => count.kind === kind);
  const counts = before.counts.map((count) =>
    count.kind === kind ? { kind, times: count.times + 1 } : count,
  );
  const cost = violations[kind];
  const entry = { kind, height, time, reason: reason.slice(0, 200), left: cost };
  put(state, id, {
    ...(before.fades === undefined ? {} : { fades: before.fades }),
    counts: isKnown ? counts : [...counts, { kind, times: 1 }],
    points: before.points + cost,
    entries: [...before.entries, entry].slice(-creditEntriesMax),
    decaysAt: before.decaysAt ?? utcMs(time + decayMs),
  });
  emit({ type: "violation", id, kind, points: cost, reason: entry.reason });
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

/**
 * Lets points fade whose time has come: of each violation three quarters stay, rounded down, so a small
 * one is gone after some months and a great one after some years. What happened stays on the report.
 */
export function fade({ state, time, emit }: Pick<BlockContext, "state" | "time" | "emit">): void {
  for (const [key, { account }] of [...creditDecays.scan(state)]) {
    if (Number(key.slice(0, key.indexOf("/"))) > time) return;
    const report = creditReports.get(state, account);
    if (report?.decaysAt === undefined) {
      creditDecays.delete(state, key);
      continue;
    }
    const after = faded(report, report.decaysAt, time);
    put(state, account, after);
    const points = report.points - after.points;
    if (points > 0) emit({ type: "credit-faded", id: account, points, left: after.points });
  }
}

/**
 * A violation taken back: what is left of its points, its entry and its count. `about`: how its reason begins, where
 * one block may have reported several of a kind. `fades`: how often the report had faded when it was reported, for one that
 * has to be taken back also where the report shows newer ones alone: its points faded as often as the report's did
 * since, and no more than the older ones still weigh together is taken off.
 */
export function strike(
  { state, emit }: Pick<BlockContext, "state" | "emit">,
  {
    account,
    height,
    kind,
    about = "",
    fades,
  }: {
    readonly account: string;
    readonly height: number;
    readonly kind: Violation;
    readonly about?: string;
    readonly fades?: number;
  },
): boolean {
  const report = creditReports.get(state, account);
  const at = report?.entries.findIndex(
    (entry) => entry.height === height && entry.kind === kind && entry.reason.startsWith(about),
  );
  const entry = report?.entries[at ?? -1];
  if (report === undefined || (entry === undefined && fades === undefined)) return false;
  const points = entry?.left ?? leftOfOlder(report, kind, fades ?? 0);
  put(state, account, {
    ...report,
    counts: report.counts.flatMap((count) => {
      if (count.kind !== kind) return [count];
      return count.times === 1 ? [] : [{ kind, times: count.times - 1 }];
    }),
    points: report.points - points,
    entries: report.entries.filter((_, i) => i !== at),
  });
  emit({ type: "violation-struck", id: account, kind, height, points });
  return true;
}

/** What is left of the points of a violation that the report shows no more. */
function leftOfOlder(report: CreditReport, kind: Violation, fades: number): number {
  let left = violations[kind];
  for (let n = fades; n < (report.fades ?? 0) && left > 0; n++) left = threeQuarters(left);
  return Math.min(left, report.points - sum(report.entries));
}

function faded(report: CreditReport, from: UtcMs, time: number): CreditReport {
  let now = report;
  let at: number = from;
  // After a long silence several times at once; with no points left nothing is waited for.
  for (; at <= time && now.points > 0; at += decayMs) {
    const entries = now.entries.map((entry) => ({ ...entry, left: threeQuarters(entry.left) }));
    const shown = sum(entries);
    const older = threeQuarters(now.points - sum(now.entries));
    now = { ...now, entries, points: shown + older, fades: (now.fades ?? 0) + 1 };
  }
  return { ...now, decaysAt: utcMs(at) };
}

/** Writes a report, and when it is looked at next. */
function put(state: State, account: string, report: CreditReport): void {
  const before = creditReports.get(state, account)?.decaysAt;
  if (before !== undefined) creditDecays.delete(state, decayKey(before, account));
  const { decaysAt, ...rest } = report;
  if (decaysAt === undefined || rest.points === 0) return creditReports.set(state, account, rest);
  creditReports.set(state, account, { ...rest, decaysAt });
  creditDecays.set(state, decayKey(decaysAt, account), { account });
}

const decayKey = (at: number, account: string) => `${String(at).padStart(15, "0")}/${account}`;
const threeQuarters = (value: number) => Math.floor((3 * value) / 4);
const sum = (entries: CreditReport["entries"]) => entries.reduce((all, { left }) => all + left, 0);
