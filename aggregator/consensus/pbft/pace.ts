import type { Timing } from "./limits.ts";

/** How long blocks take, as one member sees it; ms. */
export type Pace = { readonly meanMs: number; readonly deviationMs: number };

/**
 * The pace after one more block took so long.
 * Source: RFC 6298 §2, the estimate of a round trip.
 */
export function paceAfter(pace: Pace | undefined, ms: number): Pace {
  if (pace === undefined) return { meanMs: ms, deviationMs: ms / 2 };
  const { meanMs, deviationMs } = pace;
  return {
    meanMs: meanMs + (ms - meanMs) / 8,
    deviationMs: deviationMs + (Math.abs(ms - meanMs) - deviationMs) / 4,
  };
}

/** What the next block may take: hardly any takes longer. */
export function likelyMs(
  pace: Pace | undefined,
  { measuredMsMax }: Pick<Timing, "measuredMsMax">,
): number {
  return pace === undefined ? 0 : Math.min(pace.meanMs + 4 * pace.deviationMs, measuredMsMax);
}

/** A time in which this process did not run: it ended then, and was so long. */
export type Standstill = { readonly at: number; readonly ms: number };

/** Members tick far more often: after so long (ms) without a tick a process has not been running. */
const tickMsMax = 200;

/** What is kept: a process that stands still all the time fills no memory. */
const standstillsMax = 256;

/** Those of before, and the one that ends with this tick, if any. */
export function standstillsAt(
  before: readonly Standstill[],
  { ticked, now }: { readonly ticked: number; readonly now: number },
): readonly Standstill[] {
  const ms = now - ticked - tickMsMax;
  return ms <= 0 ? before : [...before, { at: now, ms }].slice(-standstillsMax);
}

/**
 * Ms since a moment in which this process ran. One that was stopped, or got no processor, finds all
 * that was said in the meantime waiting: it has not been left alone, and blames nobody for that time.
 */
export function attendedMs(
  standstills: readonly Standstill[],
  { since, now }: { readonly since: number; readonly now: number },
): number {
  let attended = now - since;
  for (let i = standstills.length - 1; i >= 0; i -= 1) {
    const { at, ms } = standstills[i] ?? { at: since, ms: 0 };
    if (at <= since) break;
    attended -= Math.min(ms, at - since);
  }
  return attended;
}
