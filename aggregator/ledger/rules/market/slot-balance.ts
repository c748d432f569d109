import { utcMs } from "@busbar/protocol";
import { addToBalance, emptyBalance, type SlotBalance } from "../../../settlement/balance.ts";
import type { Movement } from "../../../settlement/settle.ts";
import { addTakings, Takings } from "../../../settlement/takings.ts";
import type { State, StateReader } from "../../state/state.ts";
import { bureaus } from "../../tables.ts";
import { takers, takings } from "../../takings.ts";
import { slotBalances, slotKey } from "./tables.ts";

/** What all that was posted of a slot comes to. */
export function balanceOf(state: StateReader, slot: number): SlotBalance {
  return slotBalances.get(state, slotKey(slot)) ?? emptyBalance;
}

/**
 * Counts movements that were posted, and takes back those that they stand for now: in the slot's sums, and for
 * the owners that got or paid something in them for what others did.
 */
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
  countTakings(state, slot, { before, after });
}

/** Counts for each owner what it got and paid for what others did. */
function countTakings(
  state: State,
  slot: number,
  { before, after }: { readonly before: readonly Movement[]; readonly after: readonly Movement[] },
): void {
  const known = new Set(Array.from(bureaus.scan(state), ([id]) => id));
  const counted = new Takings((owner) => known.has(owner));
  counted.add(before, -1);
  counted.add(after);
  for (const [owner, more] of counted.sums) {
    const key = `${slotKey(slot)}/${owner}`;
    const sums = addTakings(takings.get(state, key)?.sums ?? [], more);
    if (!sums.every(({ money, energyWh }) => [money, energyWh].every(Number.isSafeInteger)))
      continue;
    takings.set(state, key, { sums });
    const since = takers.get(state, owner)?.since;
    if (since === undefined || since > slot) takers.set(state, owner, { since: utcMs(slot) });
  }
}
