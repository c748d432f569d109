/** Bounds of a growing wait, wall ms. */
export type BackOffBounds = { readonly msMin: number; readonly msMax: number };

/**
 * How long to wait after `failures` failures in a row: doubling from `msMin` to `msMax`, and jittered
 * down to its half, so that the units of a site do not all return in the same instant.
 * Shape: `random` gives a number in [0, 1).
 */
export function backOffMs(
  failures: number,
  { msMin, msMax }: BackOffBounds,
  random: () => number,
): number {
  const full = Math.min(msMax, msMin * 2 ** Math.min(Math.max(0, failures - 1), 30));
  return Math.round(full * (0.5 + random() / 2));
}
