import { stepMax } from "@busbar/protocol";

/**
 * The number mantissa · 10^exponent, exactly. Shape: mantissa is a safe integer. `step`: the number
 * is known to so many 10^exponent only, where that is more than one.
 */
export type Decimal = {
  readonly mantissa: number;
  readonly exponent: number;
  readonly step?: number;
};

/** The decimal with its step, for a number that is known to `resolution` (in whole units) only. */
export function withResolution({ mantissa, exponent }: Decimal, resolution: number): Decimal {
  // A power of ten divided by one is off by a few last bits at most.
  const step = Math.min(stepMax, Math.ceil((resolution / 10 ** exponent) * (1 - 1e-9)));
  return step > 1 ? { mantissa, exponent, step } : { mantissa, exponent };
}

/** What a decimal is known to, in whole units: its step, or else its last digit. */
export function resolutionOf({ exponent, step = 1 }: Decimal): number {
  return step * 10 ** exponent;
}

/**
 * The decimal that a text such as "0.001", "-12.5" or "1e+21" writes, digit for digit; trailing
 * zeros stay. Undefined when it has more digits than 2⁵³ holds, or is no number.
 */
export function parseDecimal(text: string): Decimal | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text);
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = "", power = "0"] = match;
  const mantissa = Number(`${sign}${whole}${fraction}`);
  if (!Number.isSafeInteger(mantissa)) return undefined;
  return { mantissa: mantissa === 0 ? 0 : mantissa, exponent: Number(power) - fraction.length };
}

/**
 * The product with an exponent ≤ 0, so that whole numbers are plain integers; an exponent below 0
 * is kept as it comes, because it is the register's resolution. Undefined outside ±2⁵³.
 */
export function multiply(a: Decimal, b: Decimal): Decimal | undefined {
  // By one, as most registers: nothing to do, and no big integers for it.
  if (b.mantissa === 1 && b.exponent === 0 && a.exponent <= 0 && a.step === undefined) return a;
  let mantissa = BigInt(a.mantissa) * BigInt(b.mantissa);
  let exponent = a.exponent + b.exponent;
  if (mantissa === 0n) exponent = Math.min(exponent, 0);
  // 10^16 is past 2⁵³ already; the bound keeps a wild exponent from costing memory.
  if (exponent > 16) return undefined;
  if (exponent > 0) {
    mantissa *= 10n ** BigInt(exponent);
    exponent = 0;
  }
  const result = Number(mantissa);
  return Number.isSafeInteger(result) ? { mantissa: result, exponent } : undefined;
}

/** The sum, with the digits of the finer one and the step of the coarser. Undefined outside ±2⁵³. Shape: exponents ≤ 0. */
export function add(a: Decimal, b: Decimal): Decimal | undefined {
  const exponent = Math.min(a.exponent, b.exponent);
  // The bound keeps a wild exponent from costing memory: 10^32 is far past 2⁵³.
  if (Math.max(a.exponent, b.exponent) - exponent > 32) return undefined;
  const at = ({ mantissa, exponent: from }: Decimal) =>
    BigInt(mantissa) * 10n ** BigInt(from - exponent);
  const mantissa = Number(at(a) + at(b));
  if (!Number.isSafeInteger(mantissa)) return undefined;
  const coarse = a.step !== undefined || b.step !== undefined;
  const resolution = Math.max(resolutionOf(a), resolutionOf(b));
  return coarse ? withResolution({ mantissa, exponent }, resolution) : { mantissa, exponent };
}

/** The plain decimal text: "5188.848", "-0.05", "120". Shape: |exponent| ≤ 400. */
export function formatDecimal({ mantissa, exponent }: Decimal): string {
  const digits = String(Math.abs(mantissa));
  const sign = mantissa < 0 ? "-" : "";
  if (exponent >= 0) return sign + (mantissa === 0 ? "0" : digits + "0".repeat(exponent));
  const padded = digits.padStart(1 - exponent, "0");
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}
