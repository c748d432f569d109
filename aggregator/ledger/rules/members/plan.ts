import { compareBytes } from "@busbar/protocol";
import type { Change } from "./tables.ts";

/** As much of a member as decides on its vote. */
export type Standing = {
  readonly active: boolean;
  readonly voting: boolean;
  readonly key: Uint8Array;
};

/** A change with its place in the queue. */
export type Queued = readonly [place: string, change: Change];

/**
 * How many votes may move at once among `n`: fewer than a third, so that the members who stay are
 * more than could be faulty before or after. A council of up to three tolerates no fault whatever,
 * and could never change at all: there it is one.
 */
export function votesMovedMax(n: number): number {
  return Math.max(1, Math.ceil(n / 3) - 1);
}

/**
 * Which of the waiting changes get their turn now. What is scheduled and not yet in force counts
 * with what would come: all of it together moves no more than `votesMovedMax` allows. Changes of one
 * member keep their order; else a change that cannot have its turn holds nobody up. The last voter
 * stays until there is another one.
 * Shape: `queue` in order of decision.
 */
export function turns(
  members: ReadonlyMap<string, Standing>,
  queue: readonly Queued[],
): readonly string[] {
  const after = new Map(members);
  const voters = () => [...after.values()].filter((member) => voteOf(member) !== undefined).length;
  const moves = ({ member, ...change }: Change): boolean => {
    const before = voteOf(after.get(member));
    const next = standingAfter(after.get(member), { member, ...change });
    if (next !== undefined) after.set(member, next);
    return !sameVote(before, voteOf(after.get(member)));
  };
  let left = votesMovedMax(voters());
  for (const [, change] of queue) if (change.from !== undefined && moves(change)) left -= 1;

  const now: string[] = [];
  const behind = new Set<string>();
  for (const [place, change] of queue) {
    if (change.from !== undefined) continue;
    const before = after.get(change.member);
    if (!behind.has(change.member)) {
      const cost = moves(change) ? 1 : 0;
      if (cost <= left && voters() > 0) {
        left -= cost;
        now.push(place);
        continue;
      }
      if (before === undefined) after.delete(change.member);
      else after.set(change.member, before);
    }
    behind.add(change.member);
  }
  return now;
}

/** What a change makes of a member; undefined where it is about nobody. */
export function standingAfter(before: Standing | undefined, change: Change): Standing | undefined {
  const { action, terms } = change;
  switch (action) {
    case "admit":
      return terms === undefined ? before : { active: true, voting: terms.voting, key: terms.key };
    case "reinstate":
      return before === undefined ? undefined : { ...before, active: true };
    case "remove":
    case "suspend":
    case "expire":
      return before === undefined ? undefined : { ...before, active: false };
    default:
      return action satisfies never;
  }
}

/** The key that a member votes with, if it does. */
function voteOf(member: Standing | undefined): Uint8Array | undefined {
  return member?.active === true && member.voting ? member.key : undefined;
}

function sameVote(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : compareBytes(a, b) === 0;
}
