import type { State, StateReader } from "../../state/state.ts";
import { contracts, dues, positions, slotKey } from "./tables.ts";

/** What a party sold minus what it bought at a slot's gates so far, in Wh. */
export function positionOf(state: StateReader, owner: string, slot: number): number {
  return positions.get(state, `${owner}/${slotKey(slot)}`)?.soldWh ?? 0;
}

/** Adds a sale to the positions of both its parties; a negative one takes it back. */
export function addToPositions(
  state: State,
  slot: number,
  {
    seller,
    buyer,
    energy,
  }: { readonly seller: string; readonly buyer: string; readonly energy: number },
): void {
  for (const [owner, wh] of [
    [seller, energy],
    [buyer, -energy],
  ] as const) {
    const soldWh = positionOf(state, owner, slot) + wh;
    positions.set(state, `${owner}/${slotKey(slot)}`, { soldWh });
  }
}

/** Takes a slot's positions out of the state when nothing more is traded: its contracts say it all. */
export function forgetPositions(state: State, slot: number): void {
  const key = slotKey(slot);
  for (const [, { seller, buyer }] of contracts.scan(state, `${key}-`)) {
    for (const owner of [seller, buyer]) positions.delete(state, `${owner}/${key}`);
  }
}

/** Whether a slot has gates left, so that positions count. */
export function isTrading(state: StateReader, slot: number): boolean {
  for (const [id] of dues.scan(state)) if (id.endsWith(`/${slotKey(slot)}`)) return true;
  return false;
}
