import { quality, type ReadingEntry } from "@busbar/protocol";
import { refuse } from "../refuse.ts";
import type { BlockContext } from "../rule.ts";
import { boundaryAt } from "../slots.ts";
import type { MeterEntry } from "../tables.ts";
import {
  boundaryKeepMs,
  dropOldBoundaries,
  energyBefore,
  gapMsMax,
  recordBoundaries,
} from "./boundaries.ts";
import { completeSlots, meterAwayAt, type SlotsOf } from "./completeness.ts";
import { noteLate } from "./late.ts";
import type { MeterState } from "./meter-state.ts";
import type { EnergyRegisters } from "./registers.ts";
import { billUnread } from "./unread-billing.ts";

/** 100 MW is far above any meter of a microgrid; 10 kWh covers the coarsest register's step. */
const plausibleW = 100_000_000;
const plausibleWh = 10_000;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** One entry on its way into a meter's state. */
type Step = {
  readonly meter: MeterEntry;
  readonly entry: ReadingEntry;
  readonly energy: EnergyRegisters;
  readonly now: MeterState;
  /** Ends of slots that were settled and are not noted yet: of a batch all are noted together. */
  readonly ends: number[];
};

/**
 * The meter's state after one entry, its slot boundaries written and their instants among the `ends`, for
 * `noteEnds`; or why its registers cannot be: `readings.register-backward`, `readings.register`.
 */
export function advance(context: BlockContext, given: Step) {
  const { entry, energy, meter } = given;
  const now = registersBefore(given);
  const step = now === given.now ? given : { ...given, now };
  if (entry.quality === quality.gap || !complete(energy, now)) {
    // In the order in which it came about.
    noteEnds(context, meter, given.ends);
    meterAwayAt(context.state, slotsOf(context, meter), {
      time: entry.time,
      since: context.time - boundaryKeepMs,
    });
    return { ...now, time: entry.time };
  }
  if (!restarts(entry) && backward(energy, now)) {
    return refuse(
      "readings.register-backward",
      `${meter.id} showed ${now.importRegister}/${now.exportRegister} Wh, now ` +
        `${energy.importWh}/${energy.exportWh}; mark it as reset or replaced`,
    );
  }
  const jumped = implausible(context, step);
  const grown = (value: number | undefined, before: number | undefined) =>
    jumped ? 0 : increase(value, before, step);
  // Made in place: this is done with each entry, and most of what it costs would be copies.
  const next: Writable<MeterState> = {
    ...now,
    time: entry.time,
    energyTime: entry.time,
    importWh: now.importWh + grown(energy.importWh, now.importRegister),
    exportWh: now.exportWh + grown(energy.exportWh, now.exportRegister),
  };
  if (energy.importWh !== undefined) next.importRegister = energy.importWh;
  if (energy.exportWh !== undefined) next.exportRegister = energy.exportWh;
  if (!isMeasured(entry)) next.substituted = 1;
  else if (next.substituted !== undefined) delete next.substituted;
  if (!Number.isSafeInteger(next.importWh) || !Number.isSafeInteger(next.exportWh)) {
    return refuse("readings.register", `the energy of ${meter.id} would pass 2⁵³ Wh`);
  }
  return recordEnergy(context, { ...step, next, jumped });
}

/** Notes how complete the slots are that end at these instants, and forgets them. */
export function noteEnds(context: BlockContext, meter: MeterEntry, ends: number[]): void {
  if (ends.length === 0) return;
  const since = context.time - boundaryKeepMs;
  completeSlots(context.state, slotsOf(context, meter), { written: ends, since });
  ends.length = 0;
}

type Grown = Step & { readonly next: MeterState; readonly jumped: boolean };

/** Whether an entry lies between the same two boundaries as the one before it, and nothing else is
 * to be said of it: so it is with most. */
function staysInSlot({ now, entry, jumped }: Grown, slotMs: number): boolean {
  if (now.energyTime === undefined || jumped || restarts(entry)) return false;
  return Math.floor(now.energyTime / slotMs) === Math.floor(entry.time / slotMs);
}

/** Writes the boundaries that the new reading settles. */
function recordEnergy(context: BlockContext, grown: Grown): MeterState {
  const { meter, entry, now, next, jumped, ends } = grown;
  const { state, emit } = context;
  const slots = slotsOf(context, meter);
  const { slotMs } = slots;
  if (staysInSlot(grown, slotMs)) return next;
  const oldestKept = context.time - boundaryKeepMs;
  const to = { time: entry.time, importWh: next.importWh, exportWh: next.exportWh };
  const since = now.energyTime;
  const anew = restarts(entry) || jumped;
  const restarted = since !== undefined && anew && entry.time > since;
  const count = now.restarts + (restarted ? 1 : 0);
  const who = { meter: meter.id, owner: meter.owner, from: since ?? to.time, to: to.time };
  if (restarted) {
    emit({ type: "registers-restarted", ...who, quality: whyRestarted(entry) });
  }
  // Without an earlier reading there is nothing to draw a line from: only a reading on the boundary
  // itself says anything.
  const from =
    since === undefined
      ? { ...to, time: to.time - 1 }
      : { time: since, importWh: now.importWh, exportWh: now.exportWh };
  const firstKept = Math.ceil(oldestKept / slotMs) * slotMs;
  if (since !== undefined && to.time - since > gapMsMax && since < firstKept) {
    const before = Math.min(firstKept, to.time);
    const energy = energyBefore({ from, to }, before);
    const billed = billUnread(context, meter, { from, to });
    emit({ type: "energy-unallocated", ...who, to: before, ...energy, ...billed });
  }
  const fromIsMeasured = since === undefined || now.substituted === undefined;
  const written = recordBoundaries(state, {
    meter: meter.id,
    from,
    to,
    slotMs,
    restarted,
    restarts: { from: now.restarts, to: count },
    measured: { from: fromIsMeasured, to: isMeasured(entry) },
    since: oldestKept,
  });
  ends.push(...written);
  noteLate(context, meter, written);
  const oldest = dropOldBoundaries(state, {
    meter: meter.id,
    oldest: now.oldestBoundary,
    written,
    slotMs,
  });
  return { ...next, restarts: count, ...(oldest === undefined ? {} : { oldestBoundary: oldest }) };
}

/**
 * The state with the registers that the entry goes on from: another meter goes on from none, so that
 * it owes no register that only the one before it had.
 */
function registersBefore({ entry, energy, now }: Step): MeterState {
  const shows = energy.importWh !== undefined || energy.exportWh !== undefined;
  if (entry.quality !== quality.replaced || !shows) return now;
  const { importRegister: _, exportRegister: __, ...rest } = now;
  return rest;
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

/**
 * Whether a register grew faster than anything on a feeder can: a torn or wrong value. It counts as
 * registers that began anew, so it is on record, bills nobody, and can overflow no account.
 */
function implausible({ state, parameters }: BlockContext, step: Step): boolean {
  const { entry, energy, now, meter } = step;
  if (now.energyTime === undefined || restarts(entry)) return false;
  const rise = (value: number | undefined, before: number | undefined) =>
    value === undefined || before === undefined ? 0 : value - before;
  const importWh = rise(energy.importWh, now.importRegister);
  const exportWh = rise(energy.exportWh, now.exportRegister);
  const most = Math.max(importWh, exportWh);
  const flowed = flowWhMax(entry.time - now.energyTime);
  if (most <= flowed) return false;
  if (most > flowed + plausibleWh) return true;
  // A coarse step is allowed once a slot, else many readings in one second could add up to any sum.
  const slotMs = parameters.slotMinutes * 60_000;
  const start = Math.floor(now.energyTime / slotMs) * slotMs;
  const since = boundaryAt(state, meter.id, start);
  if (since === undefined) return false;
  const slotWhMax = plausibleWh + flowWhMax(entry.time - start);
  return (
    now.importWh + importWh - since.importWh > slotWhMax ||
    now.exportWh + exportWh - since.exportWh > slotWhMax
  );
}

function slotsOf({ parameters }: BlockContext, { id }: MeterEntry): SlotsOf {
  return { meter: id, slotMs: parameters.slotMinutes * 60_000 };
}

function flowWhMax(ms: number): number {
  return Math.floor((plausibleW * ms) / 3_600_000);
}

function whyRestarted({ quality: how }: ReadingEntry): "reset" | "replaced" | "implausible" {
  if (how === quality.reset) return "reset";
  return how === quality.replaced ? "replaced" : "implausible";
}

/** Whether the meter's registers began anew with this entry. */
export function restarts({ quality: how }: ReadingEntry): boolean {
  return how === quality.reset || how === quality.replaced;
}

function isMeasured({ quality: how }: ReadingEntry): boolean {
  return how !== quality.estimated && how !== quality.substituted;
}
