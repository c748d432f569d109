import { mulDiv, type UtcMs } from "@busbar/protocol";
import { type Boundary, boundaries, boundaryId, setBoundaries } from "../slots.ts";
import type { State } from "../state/state.ts";

const dayMs = 86_400_000;

/**
 * How long readings are waited for, and the longest time that one batch covers: it bounds what a batch
 * can make the ledger write.
 */
export const gapMsMax = 31 * dayMs;

/**
 * How long a boundary is kept, by the meter's own time: two months of billing, and the forecasts'.
 * None is written that is older than this by the ledger's time: else a unit whose clock says 1970, or
 * says so on purpose, could make the ledger write half a century of them.
 */
export const boundaryKeepMs = 62 * dayMs;

/**
 * What of the energy between two readings flowed before any slot that is still kept, by the straight line
 * that shares out the rest.
 */
export function energyBefore({ from, to }: Pick<Interval, "from" | "to">, until: number) {
  const part = (a: number, b: number) =>
    mulDiv(b - a, until - from.time, to.time - from.time, "floor");
  return {
    importWh: part(from.importWh, to.importWh),
    exportWh: part(from.exportWh, to.exportWh),
  };
}

/** Old boundaries deleted for each one written, so that no block pays for many at once. */
const dropMax = 4;

/** A meter's cumulative energy at one instant. */
export type EnergyPoint = {
  readonly time: number;
  readonly importWh: number;
  readonly exportWh: number;
};

/** What lies between two energy readings of a meter. */
export type Interval = {
  readonly meter: string;
  readonly from: EnergyPoint;
  readonly to: EnergyPoint;
  readonly slotMs: number;
  /** The registers began anew at `to`: what flowed since `from` is unknown and counts as 0. */
  readonly restarted: boolean;
  readonly restarts: { readonly from: number; readonly to: number };
  /** Whether the readings were measured, not estimated or substituted by the unit. */
  readonly measured: { readonly from: boolean; readonly to: boolean };
  /** No boundary before this is written. */
  readonly since: number;
};

/** Records the registers at each slot boundary after `from` up to and including `to`. */
export function recordBoundaries(state: State, interval: Interval): number[] {
  const { meter, from, to, slotMs, restarts, measured, since } = interval;
  const list: [number, Boundary][] = [];
  const next = (Math.floor(from.time / slotMs) + 1) * slotMs;
  const first = Math.max(next, Math.ceil(since / slotMs) * slotMs);
  for (let time = first; time < to.time; time += slotMs) {
    list.push([time, between(interval, time)]);
  }
  if (to.time % slotMs === 0 && to.time >= first) {
    const { importWh, exportWh } = to;
    const known = { importWh, exportWh, gapMs: 0, restarts: restarts.to };
    const at: Boundary = measured.to
      ? { ...known, method: "exact" }
      : { ...known, method: "interpolated", substituted: 1 };
    list.push([to.time, at]);
  }
  setBoundaries(state, meter, list);
  return list.map(([time]) => time);
}

/**
 * Deletes boundaries that are past keeping, a few for each one that was written.
 * Returns the new oldest boundary.
 */
export function dropOldBoundaries(
  state: State,
  {
    meter,
    oldest,
    written,
    slotMs,
  }: { meter: string; oldest: number | undefined; written: readonly number[]; slotMs: number },
): UtcMs | undefined {
  let kept = oldest ?? written[0];
  const newest = written.at(-1);
  if (kept === undefined || newest === undefined) return kept as UtcMs | undefined;
  for (let left = dropMax * written.length; left > 0 && kept < newest - boundaryKeepMs; left--) {
    boundaries.delete(state, boundaryId(meter, kept));
    kept += slotMs;
  }
  return kept as UtcMs;
}

/** The straight line between two readings, rounded down; flat where the registers began anew. */
function between({ from, to, restarted, restarts, measured }: Interval, time: number): Boundary {
  const gapMs = to.time - from.time;
  const at = (a: number, b: number) => a + mulDiv(b - a, time - from.time, gapMs, "floor");
  return {
    importWh: at(from.importWh, to.importWh),
    exportWh: at(from.exportWh, to.exportWh),
    method: restarted ? "reset" : "interpolated",
    gapMs,
    restarts: restarts.from,
    ...(measured.from && measured.to ? {} : { substituted: 1 }),
  };
}
