import { quality, type ReadingEntry } from "@busbar/protocol";
import { refuse } from "../refuse.ts";
import type { BlockContext } from "../rule.ts";
import type { MeterEntry } from "../tables.ts";
import { dropOldBoundaries, gapMsMax, recordBoundaries } from "./boundaries.ts";
import type { MeterState } from "./meter-state.ts";
import type { EnergyRegisters } from "./registers.ts";

/** One entry on its way into a meter's state. */
type Step = {
  readonly meter: MeterEntry;
  readonly entry: ReadingEntry;
  readonly energy: EnergyRegisters;
  readonly now: MeterState;
};

/**
 * The meter's state after one entry, its slot boundaries written; or why its registers cannot be:
 * `readings.register-backward`, `readings.register`.
 */
export function advance(context: BlockContext, step: Step) {
  const { entry, energy, now, meter } = step;
  const past = { ...now, time: entry.time };
  if (entry.quality === quality.gap || !complete(energy, now)) return past;
  if (!restarts(entry) && backward(energy, now)) {
    return refuse(
      "readings.register-backward",
      `${meter.id} showed ${now.importRegister}/${now.exportRegister} Wh, now ` +
        `${energy.importWh}/${energy.exportWh}; mark it as reset or replaced`,
    );
  }
  const next: MeterState = {
    ...past,
    energyTime: entry.time,
    importWh: now.importWh + increase(energy.importWh, now.importRegister, step),
    exportWh: now.exportWh + increase(energy.exportWh, now.exportRegister, step),
    ...(energy.importWh === undefined ? {} : { importRegister: energy.importWh }),
    ...(energy.exportWh === undefined ? {} : { exportRegister: energy.exportWh }),
  };
  if (!Number.isSafeInteger(next.importWh) || !Number.isSafeInteger(next.exportWh)) {
    return refuse("readings.register", `the energy of ${meter.id} would pass 2⁵³ Wh`);
  }
  return recordEnergy(context, { ...step, next });
}

/** Writes the boundaries that the new reading settles. */
function recordEnergy(
  { state, emit, parameters }: BlockContext,
  { meter, entry, now, next }: Step & { readonly next: MeterState },
): MeterState {
  const slotMs = parameters.slotMinutes * 60_000;
  const to = { time: entry.time, importWh: next.importWh, exportWh: next.exportWh };
  const since = now.energyTime;
  const restarted = since !== undefined && restarts(entry) && entry.time > since;
  const count = now.restarts + (restarted ? 1 : 0);
  const who = { meter: meter.id, owner: meter.owner, from: since ?? to.time, to: to.time };
  if (restarted) {
    const why = entry.quality === quality.reset ? "reset" : "replaced";
    emit({ type: "registers-restarted", ...who, quality: why });
  }
  const tooLong = since !== undefined && to.time - since > gapMsMax;
  if (tooLong) {
    const importWh = next.importWh - now.importWh;
    emit({ type: "energy-unallocated", ...who, importWh, exportWh: next.exportWh - now.exportWh });
  }
  // Without an earlier reading within the bound there is nothing to draw a line from: only a
  // reading on the boundary itself says anything.
  const from =
    since === undefined || tooLong
      ? { ...to, time: to.time - 1 }
      : { time: since, importWh: now.importWh, exportWh: now.exportWh };
  const written = recordBoundaries(state, {
    meter: meter.id,
    from,
    to,
    slotMs,
    restarted,
    restarts: { from: now.restarts, to: count },
    measured: isMeasured(entry),
  });
  const oldest = dropOldBoundaries(state, {
    meter: meter.id,
    oldest: now.oldestBoundary,
    written,
    slotMs,
  });
  return { ...next, restarts: count, ...(oldest === undefined ? {} : { oldestBoundary: oldest }) };
}

/** An entry counts as an energy reading when it shows every energy register the meter has shown. */
function complete(energy: EnergyRegisters, now: MeterState): boolean {
  if (energy.importWh === undefined && energy.exportWh === undefined) return false;
  if (now.importRegister !== undefined && energy.importWh === undefined) return false;
  return now.exportRegister === undefined || energy.exportWh !== undefined;
}

function backward(energy: EnergyRegisters, now: MeterState): boolean {
  const fell = (value: number | undefined, before: number | undefined) =>
    value !== undefined && before !== undefined && value < before;
  return fell(energy.importWh, now.importRegister) || fell(energy.exportWh, now.exportRegister);
}

/**
 * What a register adds to the cumulative energy. The first reading ever starts at the register; a
 * register that shows up later or begins anew adds nothing, for what it shows flowed at other times.
 */
function increase(
  value: number | undefined,
  before: number | undefined,
  { entry, now }: Step,
): number {
  if (value === undefined) return 0;
  if (now.energyTime === undefined) return value;
  return before === undefined || restarts(entry) ? 0 : value - before;
}

/** Whether the meter's registers began anew with this entry. */
export function restarts({ quality: how }: ReadingEntry): boolean {
  return how === quality.reset || how === quality.replaced;
}

function isMeasured({ quality: how }: ReadingEntry): boolean {
  return how !== quality.estimated && how !== quality.substituted;
}
