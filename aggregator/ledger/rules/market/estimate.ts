import { type UtcMs, type Wh, wh } from "@busbar/protocol";
import { netSold, type Sale } from "../../../settlement/position.ts";
import { type EstimateMethod, lastSettlement } from "../../settlements.ts";
import type { StateReader } from "../../state/state.ts";
import { meteredBy } from "./parties.ts";

/** A party's energy in a slot, as it counts; `method` where no reading shows it. */
export type PartyEnergy = {
  readonly importWh: number;
  readonly exportWh: number;
  /** Each meter net over the slot, added up. */
  readonly net: { readonly importWh: Wh; readonly exportWh: Wh };
  readonly method?: EstimateMethod;
  /** Whether readings lie further apart than the slot is long. */
  readonly apart?: boolean;
};

const dayMs = 86_400_000;

/** Known days before a slot that its estimate is the mean of, and how far back they are looked for: a meter
 * that was silent for the whole time that a slot is waited for has some left. */
const daysMax = 7;
const backMax = 38;

type Silent = {
  readonly owner: string;
  readonly slot: UtcMs;
  readonly lengthMs: number;
  readonly meters: readonly string[];
  readonly sales: readonly Sale[];
};

/**
 * What a party counts as having drawn and given until its meters say it: the mean of the same slot on the
 * days before that are known (`days-before`), else what it contracted (`as-contracted`).
 */
export function provisionalEnergy(state: StateReader, silent: Silent): PartyEnergy {
  const mean = meanOfDays(state, silent);
  if (mean !== undefined) return energyOf(mean, "days-before");
  const sold = netSold(silent.owner, silent.sales);
  return energyOf({ importWh: Math.max(0, -sold), exportWh: Math.max(0, sold) }, "as-contracted");
}

/**
 * What a party counts as having drawn and given that no reading will ever show (`unproven`): nothing
 * given, and no less drawn than it bought, or usually draws; where no day before is known any more, than
 * it counted as having drawn the day before. So nobody gains by silence, which costs as
 * much as the worst that it could hide; who knows better lays a correction before the members.
 */
export function unprovenEnergy(state: StateReader, silent: Silent): PartyEnergy {
  const bought = Math.max(0, -netSold(silent.owner, silent.sales));
  const usual = meanOfDays(state, silent)?.importWh ?? drawnBefore(state, silent);
  return energyOf({ importWh: Math.max(bought, usual), exportWh: 0 }, "unproven");
}

/** What a party counted as having drawn in the same slot of the day before, unproven. */
function drawnBefore(state: StateReader, { slot, owner }: Silent): number {
  const before = lastSettlement(state, slot - dayMs, owner)?.settlement;
  return before?.method === "unproven" ? (before.importWh ?? 0) : 0;
}

function energyOf(
  { importWh, exportWh }: { readonly importWh: number; readonly exportWh: number },
  method: EstimateMethod,
): PartyEnergy {
  return { importWh, exportWh, net: netOf([{ importWh, exportWh }]), method };
}

/** Each meter's two directions net inside of a slot; what passed over different meters adds up. */
export function netOf(
  meters: readonly { readonly importWh: number; readonly exportWh: number }[],
): PartyEnergy["net"] {
  let [drawn, given] = [0, 0];
  for (const { importWh, exportWh } of meters) {
    drawn += Math.max(0, importWh - exportWh);
    given += Math.max(0, exportWh - importWh);
  }
  return { importWh: wh(drawn), exportWh: wh(given) };
}

/** What meters showed in a slot. Where readings lie further apart than it is long, nothing nets inside of it. */
export function shownEnergy(
  meters: readonly { readonly importWh: number; readonly exportWh: number }[],
  apart: boolean,
): PartyEnergy {
  const importWh = meters.reduce((sum, energy) => sum + energy.importWh, 0);
  const exportWh = meters.reduce((sum, energy) => sum + energy.exportWh, 0);
  if (!apart) return { importWh, exportWh, net: netOf(meters) };
  return { importWh, exportWh, net: { importWh: wh(importWh), exportWh: wh(exportWh) }, apart };
}

function meanOfDays(state: StateReader, { slot, lengthMs, meters }: Silent) {
  if (meters.length === 0) return undefined;
  const sums = { importWh: 0, exportWh: 0, days: 0 };
  for (let back = 1; back <= backMax && sums.days < daysMax; back++) {
    const start = (slot - back * dayMs) as UtcMs;
    const energy = start < 0 ? undefined : meteredBy(state, meters, { start, lengthMs });
    if (energy === undefined) continue;
    sums.importWh += energy.importWh;
    sums.exportWh += energy.exportWh;
    sums.days += 1;
  }
  if (sums.days === 0) return undefined;
  const mean = (sum: number) => Math.floor(sum / sums.days);
  return { importWh: mean(sums.importWh), exportWh: mean(sums.exportWh) };
}
