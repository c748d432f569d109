import { quorum } from "@busbar/protocol";
import type { Store } from "./store.ts";

/** The store's note that it came out of a backup, and that its member must not vote yet. */
export const restoredKey = "restored-at";

/** Where the backup ended and, once enough members said where they stand, up to which height this
 * member keeps silent. */
export type Restored = { readonly height: number; readonly until?: number };

/** What the store says of a restore that binds it still. */
export function restoredOf(store: Store): Restored | undefined {
  const note = store.meta(restoredKey);
  return note === undefined ? undefined : (JSON.parse(note) as Restored);
}

/** Notes it, or with undefined ends it. */
export function noteRestored(store: Store, restored: Restored | undefined): void {
  const note = restored === undefined ? undefined : JSON.stringify(restored);
  store.write(() => store.setMeta(restoredKey, note));
}

/**
 * How many other members must have said where they stand. A restored member forgot what it voted on,
 * at most `window` heights above the newest block that it had. A quorum certified that block, so that
 * n − Q + f + 1 others hold among them an honest one that had run it: whatever was voted on lies no
 * further than `window` above what the highest of them says now, or one block more.
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
