import assert from "node:assert/strict";
import { quorum } from "@busbar/protocol";

/** Who votes in an epoch. Members are sorted by id, so that all count alike. */
export type Council = {
  readonly epoch: number;
  readonly members: readonly string[];
  /** How many may be faulty: ⌊(n − 1) / 3⌋. */
  readonly faulty: number;
  /** Votes that bind all. */
  readonly quorum: number;
};

export function councilOf(epoch: number, ids: readonly string[]): Council {
  assert(ids.length > 0 && new Set(ids).size === ids.length, "a council has members, each once");
  const members = ids.toSorted();
  const faulty = Math.floor((members.length - 1) / 3);
  return { epoch, members, faulty, quorum: quorum(members.length) };
}

/** Whose turn a view is. */
export function leaderOf({ members }: Council, view: number): string {
  // A remainder of safe integers is exact, up to the last view there is.
  const leader = members[view % members.length];
  assert(leader !== undefined, "a remainder is a place");
  return leader;
}

/** Who proposed a certified block, and in which view. */
export type Turn = { readonly view: number; readonly proposer: string };

/** How many blocks a leader whose view failed is passed over for. */
export const blacklistBlocks = 32;

/**
 * Leaders whose views failed, newest first, at most as many as may be faulty: whoever led a view that
 * a later block has left behind. It follows from certified blocks alone, so members that stand at one
 * height agree on it. It says only which views are not worth asking for; who leads a view does not
 * depend on it.
 * Shape: `turns` are those of the epoch's newest blocks in order of height.
 */
export function blacklist(council: Council, turns: readonly Turn[]): ReadonlySet<string> {
  const failed = new Set<string>();
  const recent = turns.slice(-blacklistBlocks);
  for (let i = recent.length - 1; i > 0 && failed.size < council.faulty; i -= 1) {
    const [from, to] = [recent[i - 1]?.view ?? 0, recent[i]?.view ?? 0];
    const oldest = Math.max(from, to - council.members.length);
    for (let view = to - 1; view >= oldest && failed.size < council.faulty; view -= 1) {
      failed.add(leaderOf(council, view));
    }
  }
  return failed;
}

/** The view to ask for after `view`: the next whose leader has not failed of late. */
export function viewAfter(council: Council, view: number, turns: readonly Turn[]): number {
  const failed = blacklist(council, turns);
  let next = view + 1;
  while (failed.has(leaderOf(council, next))) next += 1;
  return next;
}
