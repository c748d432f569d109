/** When a meter is read, in site ms. */
export type Rhythm = {
  readonly everyMs: number;
  /** Registers are read at each multiple of this too, as close behind it as possible. */
  readonly slotMs: number;
};

/** Longest pause between two tries of a meter that does not answer, site ms. */
export const backOffMsMax = 5 * 60_000;

/**
 * When the next reading is due: the next multiple of the interval or of the slot. A slot boundary
 * that passed while the last reading was under way is due at once. After `failures` failures in a
 * row the pause grows to `backOffMsMax`, so that a dead meter costs its bus little. A clock that was
 * set back does not stop the readings until it has caught up.
 */
export function nextDue(
  { everyMs, slotMs }: Rhythm,
  {
    last,
    now,
    failures,
  }: { readonly last: number; readonly now: number; readonly failures: number },
): number {
  if (failures > 1) return after(now + pauseAfter(failures, everyMs) - 1, everyMs);
  const since = last - now > everyMs ? now : last;
  const boundary = after(since, slotMs);
  if (boundary <= now) return boundary;
  return Math.min(after(Math.max(now, since), everyMs), boundary);
}

/** How long a meter is left alone after so many failures in a row, site ms; at least its interval. */
export function pauseAfter(failures: number, everyMs: number): number {
  const doublings = Math.min(Math.max(0, failures - 1), 20);
  return Math.min(everyMs * 2 ** doublings, Math.max(everyMs, backOffMsMax));
}

/** The first multiple of `step` after `time`. */
function after(time: number, step: number): number {
  return (Math.floor(time / step) + 1) * step;
}
