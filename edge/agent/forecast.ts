/** What is known of the unit's net energy; positive = drawn from the grid. */
export type NetHistory = {
  /** Wh of the slot that starts at `slot` (site ms), or undefined where a boundary was not read. */
  ofSlot(slot: number): number | undefined;
  /** W at this moment, or undefined. */
  currentPower(): number | undefined;
};

const dayMs = 86_400_000;

/** How many slots back a last known one is looked for. */
const slotsBack = 3;

/**
 * Net energy of a slot to come, in Wh, positive = need: the same slot yesterday (seasonal naive),
 * else the last slot that is known, else the power of this moment. Undefined when nothing is known.
 */
export function forecastNet(
  history: NetHistory,
  { slot, slotMs, now }: { readonly slot: number; readonly slotMs: number; readonly now: number },
): number | undefined {
  const yesterday = history.ofSlot(slot - dayMs);
  if (yesterday !== undefined) return yesterday;
  const running = Math.floor(now / slotMs) * slotMs;
  for (let back = 1; back <= slotsBack; back++) {
    const last = history.ofSlot(running - back * slotMs);
    if (last !== undefined) return last;
  }
  const power = history.currentPower();
  return power === undefined ? undefined : Math.round((power * slotMs) / 3_600_000);
}
