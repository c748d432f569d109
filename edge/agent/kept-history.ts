import type { NetHistory } from "./forecast.ts";

/** A slot that is not known is looked for again for so long: readings of a unit without the time, and
 * registers at the end of a slot, come a little later. Slots. */
const lookAgain = 3;

/** A history that remembers what it was told: a forecast asks for a month of slots, of which one is new. */
export function keptHistory(
  history: NetHistory,
  {
    slotMs,
    now,
    slots,
  }: { readonly slotMs: number; readonly now: () => number; readonly slots: number },
): NetHistory {
  const known = new Map<number, number | undefined>();
  return {
    ofSlot(slot) {
      if (known.has(slot)) return known.get(slot);
      const netWh = history.ofSlot(slot);
      if (netWh !== undefined || slot < now() - lookAgain * slotMs) known.set(slot, netWh);
      // Keys come in any order: whatever is too old is of no use again.
      if (known.size > 2 * slots) {
        const oldest = now() - slots * slotMs;
        for (const at of known.keys()) if (at < oldest) known.delete(at);
      }
      return netWh;
    },
    currentPower: () => history.currentPower(),
  };
}
