import type { TelegramReading } from "../framing/telegram.ts";
import { multiply, parseDecimal, withResolution } from "./decimal.ts";
import { baseUnit } from "./decode-value.ts";
import type { RegisterValue } from "./reading.ts";

/** Powers of ten of the prefixed units that telegrams use. */
const powers: ReadonlyMap<string, number> = new Map([
  ["kWh", 3],
  ["MWh", 6],
  ["kvarh", 3],
  ["kVAh", 3],
  ["kW", 3],
  ["kvar", 3],
  ["kVA", 3],
]);

/**
 * A telegram's value as a meter's reading carries it: in the base unit, exact, with the digits that
 * were sent. Undefined when it is unknown or no number. `raw`: the bytes of the value, as sent.
 */
export function registerValue(
  reading: TelegramReading,
  raw: readonly number[],
): RegisterValue | undefined {
  const { obis, quantity, unit, value } = reading;
  const sent = value === undefined ? undefined : parseDecimal(value);
  const power = powers.get(unit) ?? 0;
  const scaled = sent && multiply(sent, { mantissa: 1, exponent: power });
  const known = sent && scaled && withResolution(scaled, 10 ** (sent.exponent + power));
  return known && { obis, quantity, unit: baseUnit(unit), ...known, raw };
}
