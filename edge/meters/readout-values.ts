import type { TelegramReading } from "../framing/telegram.ts";
import { type Decimal, multiply, parseDecimal, withResolution } from "./decimal.ts";
import type { RegisterValue } from "./reading.ts";

/** Units as meters write them, in small letters, and the base unit that values are kept in. */
const units: Readonly<Record<string, { readonly unit: string; readonly power: number }>> = {
  ...prefixed("Wh", "W", "varh", "var", "VAh", "VA", "V", "A"),
  hz: { unit: "Hz", power: 0 },
  deg: { unit: "deg", power: 0 },
  m3: { unit: "m3", power: 0 },
  gj: { unit: "GJ", power: 0 },
};

function prefixed(...names: readonly string[]) {
  const found: Record<string, { unit: string; power: number }> = {};
  for (const unit of names) {
    for (const [prefix, power] of [
      ["", 0],
      ["k", 3],
      ["M", 6],
    ] as const) {
      found[(prefix + unit).toLowerCase()] = { unit, power };
    }
  }
  // In small letters "mV" and "mA" would be megavolts; no meter of these protocols writes those.
  found.mv = { unit: "V", power: -3 };
  found.ma = { unit: "A", power: -3 };
  return found;
}

/** What a telegram measured, in base units. */
export type ReadoutValues = {
  readonly values: readonly RegisterValue[];
  readonly unknown: readonly string[];
};

/**
 * The measured values of a telegram, exact; counts, texts, demands and values of earlier billing
 * periods are left out. A value without its unit is unknown, unless `energyUnit` says it for
 * energies. A code that comes twice with different values is unknown. Registers of channel 1 stand
 * in for a meter that numbers its own from 1. Totals and net power that the meter does not send are
 * the exact sum of what it does send.
 */
export function readoutValues(
  readings: readonly TelegramReading[],
  energyUnit?: "Wh" | "kWh",
): ReadoutValues {
  const byCode = new Map<string, Measured>();
  const own = ownChannel(readings);
  for (const reading of readings) {
    const obis = own(reading.obis);
    if (obis === undefined || !measured(reading)) continue;
    const value = inBaseUnit(reading, energyUnit);
    const before = byCode.get(obis);
    const clash = before !== undefined && !same(before.value, value);
    byCode.set(obis, { quantity: reading.quantity, value: clash ? undefined : value });
  }
  addTotals(byCode);
  addNetPower(byCode);
  const all = [...byCode];
  return {
    values: all.flatMap(([obis, { quantity, value }]): RegisterValue[] =>
      value === undefined ? [] : [{ obis, quantity, ...value, raw: [] }],
    ),
    unknown: all.flatMap(([, { quantity, value }]) => (value === undefined ? [quantity] : [])),
  };
}

type Value = Decimal & { readonly unit: string };
type Measured = { readonly quantity: string; readonly value: Value | undefined };

const families =
  /^(energy|reactive_energy|apparent_energy|power|reactive|apparent|pf|current|voltage)\.|^frequency$|^ch\d+\.(gas|water|hot_water|heat|cooling|electricity)$/;

const measured = ({ quantity }: TelegramReading): boolean => families.test(quantity);

function inBaseUnit(reading: TelegramReading, energyUnit: string | undefined): Value | undefined {
  const { quantity, value, unit: said } = reading;
  const number = value === undefined ? undefined : parseDecimal(value);
  if (number === undefined) return undefined;
  if (quantity.startsWith("pf.")) return { ...number, unit: "" };
  const assumed = quantity.startsWith("energy.") ? energyUnit : undefined;
  const base = units[(said === "" ? (assumed ?? "") : said).toLowerCase()];
  const scaled = base && multiply(number, { mantissa: 1, exponent: base.power });
  const known = base && scaled && withResolution(scaled, 10 ** (number.exponent + base.power));
  return base && known && { ...known, unit: base.unit };
}

const same = (a: Value | undefined, b: Value | undefined): boolean =>
  a?.mantissa === b?.mantissa && a?.exponent === b?.exponent && a?.unit === b?.unit;

/** Landis+Gyr meters call their own registers 1-1; other meters use channel 0. */
function ownChannel(readings: readonly TelegramReading[]) {
  const channels = readings.map(({ obis }) => /^1-(\d+):/.exec(obis ?? "")?.[1]);
  const shifted = channels.includes("1") && !channels.includes("0");
  return (obis: string | undefined): string | undefined =>
    shifted ? obis?.replace(/^1-1:/, "1-0:") : obis;
}

/** Dutch and Belgian meters send tariffs only; their sum is the register that is billed. */
function addTotals(byCode: Map<string, Measured>): void {
  for (const [group, quantity] of [
    ["1", "energy.import.total"],
    ["2", "energy.export.total"],
  ] as const) {
    const code = `1-0:${group}.8.0`;
    if (byCode.has(code)) continue;
    const tariffs = [...byCode].filter(([obis]) => obis.startsWith(`1-0:${group}.8.`));
    if (tariffs.length === 0) continue;
    const values = tariffs.map(([, { value }]) => value);
    byCode.set(code, { quantity, value: values.reduce(sum) });
  }
}

function addNetPower(byCode: Map<string, Measured>): void {
  const [bought, sold] = [byCode.get("1-0:1.7.0"), byCode.get("1-0:2.7.0")];
  if (byCode.has("1-0:16.7.0") || bought === undefined || sold === undefined) return;
  const less = sold.value && { ...sold.value, mantissa: 0 - sold.value.mantissa };
  byCode.set("1-0:16.7.0", { quantity: "power.total", value: sum(bought.value, less) });
}

/** Exact; unknown when one is unknown, of another unit, or the sum is beyond 2⁵³. */
function sum(a: Value | undefined, b: Value | undefined): Value | undefined {
  if (a === undefined || b === undefined || a.unit !== b.unit) return undefined;
  const exponent = Math.min(a.exponent, b.exponent);
  const fine = (value: Value) => BigInt(value.mantissa) * 10n ** BigInt(value.exponent - exponent);
  const mantissa = Number(fine(a) + fine(b));
  return Number.isSafeInteger(mantissa) ? { mantissa, exponent, unit: a.unit } : undefined;
}
