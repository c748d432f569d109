/** What a party's meters gave in one past slot, net in Wh: positive = given to the feeder. */
export type SlotNet = { readonly start: number; readonly netWh: number };

/** A forecast and what it rests on. */
export type Forecast = {
  readonly netWh: number;
  readonly basis: "same-slot-yesterday" | "last-slot";
};

/** A way to forecast a slot from what is known at `now`. Only slots that ended by then may be used:
 * a forecast that saw the future would be worthless and, on a ledger, wrong. */
export type Forecaster = (
  history: readonly SlotNet[],
  target: { readonly start: number; readonly lengthMs: number; readonly now: number },
) => Forecast | undefined;

const dayMs = 86_400_000;

/**
 * Seasonal naive: the same slot one day earlier where it is known, else the last slot that is.
 * Shape: history in any order; slots that had not ended at `now` are not looked at.
 */
export const seasonalNaive: Forecaster = (history, { start, lengthMs, now }) => {
  const past = history.filter((slot) => slot.start + lengthMs <= now);
  const yesterday = past.find((slot) => slot.start === start - dayMs);
  if (yesterday !== undefined) return { netWh: yesterday.netWh, basis: "same-slot-yesterday" };
  let last: SlotNet | undefined;
  for (const slot of past) if (last === undefined || slot.start > last.start) last = slot;
  return last === undefined ? undefined : { netWh: last.netWh, basis: "last-slot" };
};
