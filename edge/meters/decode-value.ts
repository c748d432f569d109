import { type Decimal, multiply, parseDecimal, withResolution } from "./decimal.ts";
import { notImplemented, type RegisterType, wordsOf } from "./register-type.ts";

/** How a run of registers is to be read. `sentinels` are raw unsigned values that mean "unknown"
 * besides those of the type (`notImplemented`). */
export type ValueShape = {
  readonly type: RegisterType;
  readonly wordOrder: "msw" | "lsw";
  readonly unit: string;
  /** Factor on the raw value; its decimal text is taken exactly. Default 1. */
  readonly scale?: number | undefined;
  /** SunSpec's power of ten on the raw value. Default 0. */
  readonly scalePower?: number | undefined;
  readonly sentinels?: readonly number[] | undefined;
  /** Names of factors that the value is short of without `factor`. */
  readonly multiplyBy?: readonly string[] | undefined;
  /** The product of those factors, where it is known. */
  readonly factor?: Decimal | undefined;
};

const one: Decimal = { mantissa: 1, exponent: 0 };

/** Prefixed units and the base unit that values are kept in. */
const bases: Readonly<Record<string, { readonly unit: string; readonly power: number }>> = {
  kWh: { unit: "Wh", power: 3 },
  MWh: { unit: "Wh", power: 6 },
  kvarh: { unit: "varh", power: 3 },
  Mvarh: { unit: "varh", power: 6 },
  kVAh: { unit: "VAh", power: 3 },
  MVAh: { unit: "VAh", power: 6 },
  kW: { unit: "W", power: 3 },
  kvar: { unit: "var", power: 3 },
  kVA: { unit: "VA", power: 3 },
  mA: { unit: "A", power: -3 },
  mV: { unit: "V", power: -3 },
  "%": { unit: "", power: -2 },
};

/** The unit that values of `unit` are delivered in: kWh → Wh, % → "". */
export const baseUnit = (unit: string): string => bases[unit]?.unit ?? unit;

/**
 * The exact decimal that the words say, in the base unit; undefined when the meter says that it does
 * not know (sentinel, NaN, infinity), says a number beyond 2⁵³, or when a factor is missing. Never 0
 * for unknown.
 *
 * Shape: a float is taken as the shortest decimal that reads back as the same float, without
 * trailing zeros; an f64 to at most 15 digits. An integer keeps the resolution of its scale. A
 * register that is coarser than the last digit says its step: float32 counts in 7.8 Wh from 65 536
 * kWh on.
 * Throws: `RangeError` for a wrong number of words.
 */
export function decodeValue(words: readonly number[], shape: ValueShape): Decimal | undefined {
  const { type, wordOrder, unit, scale = 1, scalePower = 0, sentinels = [] } = shape;
  const ratio = shape.multiplyBy === undefined ? one : shape.factor;
  if (words.length !== wordsOf(type)) {
    throw new RangeError(`${type} takes ${wordsOf(type)} registers, got ${words.length}`);
  }
  const ordered = wordOrder === "msw" ? words : words.toReversed();
  const raw = ordered.reduce((sum, word) => (sum << 16n) | BigInt(word & 0xffff), 0n);
  const unknown = [...notImplemented[type], ...sentinels];
  if (unknown.some((sentinel) => BigInt(sentinel) === raw)) return undefined;
  const number = type.startsWith("f") ? floatDecimal(raw, type) : integerDecimal(raw, type);
  const factor = scale === 1 ? one : parseDecimal(String(scale));
  if (number === undefined || factor === undefined || ratio === undefined) return undefined;
  const power = scalePower + (bases[unit]?.power ?? 0);
  const scaled = multiply(number, factor);
  const primary = scaled && multiply(scaled, ratio);
  const value = primary && multiply(primary, { ...one, exponent: power });
  const last = type.startsWith("f") ? floatStep(raw, type) : 1;
  const share = Math.abs(scale) * ratio.mantissa * 10 ** (ratio.exponent + power);
  return value && withResolution(value, last * share);
}

/** What the last bit of a float stands for. */
function floatStep(raw: bigint, type: RegisterType): number {
  const [fraction, bits, bias] = type === "f32" ? [23, 8, 127] : [52, 11, 1023];
  const exponent = Number((raw >> BigInt(fraction)) & BigInt(2 ** bits - 1));
  return 2 ** (Math.max(1, exponent) - bias - fraction);
}

function integerDecimal(raw: bigint, type: RegisterType): Decimal | undefined {
  const bits = 16 * wordsOf(type);
  const mantissa = Number(type.startsWith("s") ? BigInt.asIntN(bits, raw) : raw);
  return Number.isSafeInteger(mantissa) ? { mantissa, exponent: 0 } : undefined;
}

const view = new DataView(new ArrayBuffer(8));
const single = { narrow: Math.fround, digitsMax: 9, normalMin: 2 ** -126 };
const double = { narrow: (value: number) => value, digitsMax: 15, normalMin: 2 ** -1022 };

function floatDecimal(raw: bigint, type: RegisterType): Decimal | undefined {
  view.setBigUint64(0, raw);
  return type === "f32"
    ? shortest(view.getFloat32(4), single)
    : shortest(view.getFloat64(0), double);
}

/**
 * The fewest digits that `narrow` reads back as the value; at most `digitsMax`. With three digits less
 * than that, decimals lie far wider apart than floats from `normalMin` on: if fewer digits do, then so
 * do these, with zeros at their end.
 */
function shortest(
  value: number,
  {
    narrow,
    digitsMax,
    normalMin,
  }: {
    readonly narrow: (value: number) => number;
    readonly digitsMax: number;
    /** The smallest float of full precision. */
    readonly normalMin: number;
  },
): Decimal | undefined {
  if (!Number.isFinite(value)) return undefined;
  if (value === 0) return { mantissa: 0, exponent: 0 };
  let text = "";
  let digits = Math.abs(value) < normalMin ? 1 : digitsMax - 3;
  for (; digits <= digitsMax; digits += 1) {
    text = value.toExponential(digits - 1);
    if (narrow(Number(text)) === value) return parseDecimal(text.replace(/\.?0+e/, "e"));
  }
  return parseDecimal(text);
}
