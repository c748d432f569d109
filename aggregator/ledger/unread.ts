import { field, int, record } from "@busbar/protocol/schema";
import { settlements, slotKey } from "./settlements.ts";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;

/**
 * `unread/<owner>`: what an owner counted as having drawn, unproven, in slots that have left the state and that no
 * reading has told of since, Wh.
 */
export const unread = table("unread", record("unread", { energyWh: field(1, int(1, most)) }));

/**
 * Keeps of a slot that leaves the state what was drawn in it without proof, less what `knownWh` says that an owner's other
 * meters showed.
 */
export function keepUnread(state: State, slot: number, knownWh: (owner: string) => number): void {
  const unproven = Array.from(settlements.scan(state, `${slotKey(slot)}/`)).flatMap(
    ([id, { versions }]) => {
      const { method, importWh = 0 } = versions.at(-1) ?? {};
      return method === "unproven" ? [[id.split("/")[1] ?? "", importWh] as const] : [];
    },
  );
  for (const [owner, importWh] of unproven) {
    const more = Math.max(0, importWh - knownWh(owner));
    const energyWh = Math.min(most, unreadOf(state, owner) + more);
    if (more > 0) unread.set(state, owner, { energyWh });
  }
}

/**
 * Sets what a meter showed at last of such slots against what was estimated. Returns what it drew beyond that, Wh: nobody
 * has been billed for it.
 */
export function takeUnread(state: State, owner: string, shownWh: number): number {
  const estimated = unreadOf(state, owner);
  const left = Math.max(0, estimated - shownWh);
  if (left > 0) unread.set(state, owner, { energyWh: left });
  else unread.delete(state, owner);
  return Math.max(0, shownWh - estimated);
}

function unreadOf(state: StateReader, owner: string): number {
  return unread.get(state, owner)?.energyWh ?? 0;
}
