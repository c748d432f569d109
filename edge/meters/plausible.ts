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
  ];
/** A supplied meter has at least one phase at a grid's voltage. */
const suppliedVoltsMin = 80;

/**
 * Whether a reading can be a meter of this profile: every row that all its units have was answered,
 * and the numbers are ones that a grid has. Registers of another map read as nonsense floats.
 */
export function isPlausible(profile: ModbusProfile, reading: MeterReading): boolean {
  const unknown = new Set(reading.unknown);
  const complete = profile.registers.every(
    ({ quantity, optional }) => optional === true || !unknown.has(quantity),
  );
  if (!complete) return false;
  const values = reading.values.map(({ quantity, mantissa, exponent }) => ({
    quantity,
    value: mantissa * 10 ** exponent,
  }));
  const inRange = values.every(({ quantity, value }) =>
    ranges.every((range) => {
      if (!range.quantity.test(quantity)) return true;
      return value >= range.min && value <= range.max;
    }),
  );
  const volts = values.filter(({ quantity }) => /^voltage\.l[123]$/.test(quantity));
  return inRange && (volts.length === 0 || volts.some(({ value }) => value >= suppliedVoltsMin));
}
