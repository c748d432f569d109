import type { ModbusProfile } from "./profile.ts";
import type { MeterReading } from "./reading.ts";

/** What grid quantities can be, in base units; wide enough for a bad day on a weak grid. */
const ranges: readonly { readonly quantity: RegExp; readonly min: number; readonly max: number }[] =
  [
    { quantity: /^voltage\.l[123]$/, min: 0, max: 500 },
    { quantity: /^current\.l[123]$/, min: -10_000, max: 10_000 },
    { quantity: /^frequency$/, min: 42, max: 68 },
    { quantity: /^pf\./, min: -1.01, max: 1.01 },
    { quantity: /^energy\.(import|export|sum)\./, min: 0, max: 1e12 },
    { quantity: /^(power|apparent|reactive)\./, min: -1e9, max: 1e9 },
  ];
const phaseVoltage = /^voltage\.l[123]$/;
/** A supplied meter has at least one phase at a grid's voltage. */
const suppliedVoltsMin = 80;
/** Most of the rows that all units have: a unit that names itself may still lack a few. */
const mostRows = 0.8;

/**
 * How far a reading can be a meter of this profile. `whole`: every row that all its units have was
 * answered, with numbers that a supplied grid has, a live voltage among them. `most`: nearly, and
 * nothing speaks against it. `none`: registers of another map read as nonsense.
 */
export function fitOf(profile: ModbusProfile, reading: MeterReading): "whole" | "most" | "none" {
  const unknown = new Set(reading.unknown);
  const needed = profile.registers.filter(({ optional }) => optional !== true);
  const answered = needed.filter(({ quantity }) => !unknown.has(quantity)).length;
  const values = valuesOf(reading);
  const inRange = values.every(([quantity, value]) =>
    ranges.every((range) => {
      if (!range.quantity.test(quantity)) return true;
      return value >= range.min && value <= range.max;
    }),
  );
  if (!inRange || answered < mostRows * needed.length) return "none";
  const volts = values.filter(([quantity]) => phaseVoltage.test(quantity));
  // Power and energy alone prove nothing: registers that are all 0 read as an idle meter.
  const supplied = volts.some(([, value]) => value >= suppliedVoltsMin);
  return supplied && answered === needed.length ? "whole" : "most";
}

/** The profile with its most telling row only: a frequency or voltage is hard to mistake. */
export function probeOf(profile: ModbusProfile): ModbusProfile {
  const needed = profile.registers.filter(({ optional }) => optional !== true);
  const row = needed.find(({ quantity }) => phaseVoltage.test(quantity));
  const telling = needed.find(({ quantity }) => quantity === "frequency");
  return { ...profile, registers: [telling ?? row ?? []].flat(), sums: [] };
}

/**
 * The rows that tell this kind of meter from others soonest, each to be asked alone: all phases, then
 * a few spread over the map. A unit that lacks one of them is another kind.
 */
export function samplesOf(profile: ModbusProfile): readonly ModbusProfile[] {
  const needed = profile.registers.filter(({ optional }) => optional !== true);
  const phases = needed.filter(({ quantity }) => /^(voltage|current)\.l[123]$/.test(quantity));
  const byPhase = phases.toReversed().toSorted((a, b) => phaseOf(b) - phaseOf(a));
  const spread = [1, 0.75, 0.5, 0.25].map((at) => needed[Math.floor(at * (needed.length - 1))]);
  const rows = new Set([...byPhase, ...spread].filter((row) => row !== undefined));
  return [...rows].map((row) => ({ ...profile, registers: [row], sums: [] }));
}

const phaseOf = ({ quantity }: { readonly quantity: string }) => Number(quantity.at(-1));

/**
 * Whether `profile` has all the registers of `other`, and its reading shows a live phase that
 * `other` knows nothing of.
 */
export function hasFurtherPhase(
  profile: ModbusProfile,
  reading: MeterReading,
  other: ModbusProfile,
): boolean {
  if (!hasRowsOf(profile, other)) return false;
  const known = new Set(other.registers.map(({ quantity }) => quantity));
  return valuesOf(reading).some(
    ([quantity, value]) =>
      phaseVoltage.test(quantity) && !known.has(quantity) && value >= suppliedVoltsMin,
  );
}

/** Whether all that every unit of `other` has stands in `profile` at the same places. */
export function hasRowsOf(profile: ModbusProfile, other: ModbusProfile): boolean {
  const key = ({ address, type }: { readonly address: number; readonly type: string }) =>
    `${address} ${type}`;
  const own = new Set(profile.registers.map(key));
  return (
    profile.read.function === other.read.function &&
    profile.read.wordOrder === other.read.wordOrder &&
    other.registers.every((row) => row.optional === true || own.has(key(row)))
  );
}

const valuesOf = ({ values }: MeterReading): readonly (readonly [string, number])[] =>
  values.map(({ quantity, mantissa, exponent }) => [quantity, mantissa * 10 ** exponent]);
