import { UnitError } from "./brands.ts";

/** How a quotient between two integers becomes one. `half-even` is for fair prices, `floor` and
 * `ceil` say which side keeps the remainder, `trunc` rounds towards zero. */
export type Rounding = "floor" | "ceil" | "trunc" | "half-even";

/**
 * a · b / divisor, exact before its one rounding. The only way money and energy are multiplied.
 *
 * Shape: integers of magnitude below 2⁵³; divisor ≠ 0.
 * Throws: `UnitError` for anything else, or when the result itself reaches 2⁵³.
 */
export function mulDiv(a: number, b: number, divisor: number, rounding: Rounding): number {
  if (!Number.isSafeInteger(a) || !Number.isSafeInteger(b) || !Number.isSafeInteger(divisor)) {
    throw new UnitError(`mulDiv: expected integers below 2⁵³, got ${a} · ${b} / ${divisor}`);
  }
  if (divisor === 0) throw new UnitError(`mulDiv: ${a} · ${b} divided by 0`);
  const product = a * b;
  if (Number.isSafeInteger(product)) return roundNumber(product, divisor, rounding);
  return roundBig(BigInt(a) * BigInt(b), BigInt(divisor), rounding);
}

/**
 * n / d for integers of any size, rounded once.
 * Throws: `UnitError` for d = 0 or when the result reaches 2⁵³.
 */
export function divideBig(n: bigint, d: bigint, rounding: Rounding): number {
  if (d === 0n) throw new UnitError(`divideBig: ${n} divided by 0`);
  return roundBig(n, d, rounding);
}

function roundNumber(n: number, d: number, rounding: Rounding): number {
  const rest = n % d;
  const whole = (n - rest) / d;
  if (rest === 0) return whole === 0 ? 0 : whole;
  const negative = n < 0 !== d < 0;
  const up = roundsAway(rounding, negative, compareHalf(Math.abs(rest), Math.abs(d)), whole % 2);
  const result = up ? whole + (negative ? -1 : 1) : whole;
  return result === 0 ? 0 : result;
}

function roundBig(n: bigint, d: bigint, rounding: Rounding): number {
  const rest = n % d;
  let whole = n / d;
  if (rest !== 0n) {
    const negative = n < 0n !== d < 0n;
    const twice = 2n * (rest < 0n ? -rest : rest);
    const size = d < 0n ? -d : d;
    const half = twice < size ? -1 : twice > size ? 1 : 0;
    if (roundsAway(rounding, negative, half, Number(whole % 2n))) whole += negative ? -1n : 1n;
  }
  const result = Number(whole);
  if (!Number.isSafeInteger(result)) throw new UnitError(`result ${whole} is 2⁵³ or more`);
  return result;
}

/** −1, 0 or 1 as rest/d is below, at or above one half; without computing 2·rest, which may pass 2⁵³. */
function compareHalf(rest: number, d: number): number {
  return Math.sign(rest - (d - rest));
}

function roundsAway(rounding: Rounding, negative: boolean, half: number, parity: number): boolean {
  switch (rounding) {
    case "floor":
      return negative;
    case "ceil":
      return !negative;
    case "trunc":
      return false;
    case "half-even":
      return half > 0 || (half === 0 && parity !== 0);
    default:
      throw new RangeError(`unknown rounding ${rounding satisfies never}`);
  }
}
