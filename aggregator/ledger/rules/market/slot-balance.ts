import { addToBalance, emptyBalance, type SlotBalance } from "../../../settlement/balance.ts";
import type { Movement } from "../../../settlement/settle.ts";
import type { State, StateReader } from "../../state/state.ts";
import { slotBalances, slotKey } from "./tables.ts";

/** What all that was posted of a slot comes to. */
export function balanceOf(state: StateReader, slot: number): SlotBalance {
  return slotBalances.get(state, slotKey(slot)) ?? emptyBalance;
}

/** Counts movements that were posted, and takes back those that they stand for now. */
export function countInBalance(
  state: State,
  slot: number,
  {
    before = [],
    after,
  }: { readonly before?: readonly Movement[]; readonly after: readonly Movement[] },
): void {
  if (before.length === 0 && after.length === 0) return;
  const sums = addToBalance(addToBalance(balanceOf(state, slot), before, -1), after);
  // Sums that pass 2⁵³ would be worth nothing: the accounts, which were checked, say it all then.
  if (Object.values(sums).every(Number.isSafeInteger)) {
    slotBalances.set(state, slotKey(slot), sums);
  }
}
