import { Failure, quorum } from "@busbar/protocol";
import type { Store } from "./store.ts";

/** The store's note that its member forgot votes, and must not vote yet. */
export const restoredKey = "restored-at";

/** The store's note that every vote its member ever gave on this chain was written to it. */
const votesKey = "votes";

/**
 * Where the ledger stood when its member had forgotten its votes (a backup's end; 0 for a disk that
 * was lost) and, once enough members said where they stand, up to which height it keeps silent, as
 * far as `epoch`'s members can tell.
 */
export type Restored = {
  readonly height: number;
  readonly until?: number;
  readonly epoch?: number;
};

/** What the store says of forgotten votes that binds its member still. */
export function restoredOf(store: Store): Restored | undefined {
  const note = store.meta(restoredKey);
  return note === undefined ? undefined : (JSON.parse(note) as Restored);
}

/** Notes it, or with undefined ends it: whatever is said from then on is in this file. */
export function noteRestored(store: Store, restored: Restored | undefined): void {
  const note = restored === undefined ? undefined : JSON.stringify(restored);
  store.write(() => {
    store.setMeta(restoredKey, note);
    store.setMeta(votesKey, restored === undefined ? "all" : undefined);
  });
}

/**
 * Notes that the store's member has not voted on this chain yet, so that its votes will all be here.
 * Only who makes the member, or its chain, knows that.
 */
export function noteNeverVoted(store: Store): void {
  noteRestored(store, undefined);
}

/** As `noteNeverVoted`, where a person says so. Throws: `Failure` `store.has-voted`. */
export function beginVoting(store: Store): void {
  if (store.height > 0) {
    throw new Failure(
      "store.has-voted",
      `--never-voted is for a chain's first start, and this ledger holds ${store.height} blocks; start without it: one of several members votes again by itself where it is safe`,
      { retry: "never" },
    );
  }
  noteNeverVoted(store);
}

/**
 * Insists, for a member that orders alone, that a ledger without blocks is its first one: begun anew
 * where another was lost, it would sign a second chain beside the one that others hold receipts of.
 * Throws: `Failure` `store.lost`.
 */
export function insistFirst(store: Store): void {
  if (store.height > 0 || store.meta(votesKey) === "all") return;
  throw new Failure(
    "store.lost",
    `${store.path} holds no block, and neither init made it nor did anybody say that its member never signed one of this chain. If it was lost, move it elsewhere and put a backup in its place (restore FILE). Only where no block was ever signed: start once with --never-voted`,
    { retry: "never" },
  );
}

/** What a member whose votes are forgotten says of itself. */
export const looksOnText =
  "this member does not know what it voted on before: it follows the others and votes again once it has passed all of it. If it is the first start of a member that never voted on this chain, start it with --never-voted";

/** As `restoredOf`, for who is about to vote. A file of which nobody said that it has all votes was
 * made where another was lost: from now on it counts as restored. */
export function forgottenOf(store: Store): Restored | undefined {
  if (restoredOf(store) === undefined && store.meta(votesKey) !== "all") {
    noteRestored(store, { height: store.height });
  }
  return restoredOf(store);
}

/**
 * How many other members must have said where they stand. A restored member forgot what it voted on,
 * at most `window` heights above the newest block that it had. A quorum certified that block, so that
 * n − Q + f + 1 others hold among them an honest one that had run it: whatever was voted on lies no
 * further than `window` above what the highest of them says now, or one block more. That holds for
 * votes of the epoch whose voters were asked and of earlier ones, which end before it begins. A later
 * one begins with a block that they certified and that this member has not passed: so they are asked
 * anew in each epoch.
 */
export function reportsNeeded(members: number): number {
  const faults = Math.floor((members - 1) / 3);
  return members - quorum(members) + faults + 1;
}

/**
 * The height that a restored member must have passed before it votes again; undefined while too few
 * others said where they stand. A liar can name a height that never comes and so keep it silent, which
 * costs one vote and no safety: `join --renew` with another key ends that.
 */
export function silentUntil(
  reports: ReadonlyMap<string, number>,
  { members, window }: { readonly members: number; readonly window: number },
): number | undefined {
  if (reports.size < reportsNeeded(members)) return undefined;
  return Math.max(...reports.values()) + window + 1;
}
