/**
 * Branded integers. A brand costs nothing at run time; it stops a watt from being added to a
 * watt-hour. A branded value is made only by its parser below, which checks the range.
 */
declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Energy, integer watt-hours ≥ 0. Direction is in the name: `importWh`, `exportWh`. */
export type Wh = Branded<"Wh">;
/** Power, integer watts; positive = drawn from the grid. */
export type W = Branded<"W">;
/** Money, integer 10⁻⁶ of the site's currency, |x| < 2⁵³. */
export type Micro = Branded<"Micro">;
/** Price, integer 10⁻⁶ of the site's currency per kWh, |x| < 2⁵³. */
export type MicroPerKwh = Branded<"MicroPerKwh">;
/** Instant, integer milliseconds since 1970-01-01T00:00:00Z. */
export type UtcMs = Branded<"UtcMs">;
/** Duration, integer milliseconds from a monotonic clock. */
export type Ms = Branded<"Ms">;

/** Why a number is not the quantity it was taken for. */
export class UnitError extends RangeError {
  readonly code = "unit.range";
}

function integer(name: string, value: number, min: number): number {
  if (!Number.isSafeInteger(value) || value < min) {
    const range = min === 0 ? "an integer ≥ 0 below 2⁵³" : "an integer of magnitude below 2⁵³";
    throw new UnitError(`${name}: expected ${range}, got ${String(value)}`);
  }
  // -0 and 0 differ in their encodings and in Object.is; quantities know one zero.
  return value === 0 ? 0 : value;
}

const signed = Number.MIN_SAFE_INTEGER;

/** Throws `UnitError` outside 0 … 2⁵³−1. */
export const wh = (value: number): Wh => integer("energy in Wh", value, 0) as Wh;
/** Throws `UnitError` for a non-integer or |value| ≥ 2⁵³. */
export const watt = (value: number): W => integer("power in W", value, signed) as W;
/** Throws `UnitError` for a non-integer or |value| ≥ 2⁵³. */
export const micro = (value: number): Micro => integer("money in 10⁻⁶", value, signed) as Micro;
/** Throws `UnitError` for a non-integer or |value| ≥ 2⁵³. */
export const microPerKwh = (value: number): MicroPerKwh =>
  integer("price in 10⁻⁶/kWh", value, signed) as MicroPerKwh;
/** Throws `UnitError` for a non-integer or a negative instant. */
export const utcMs = (value: number): UtcMs => integer("instant in ms", value, 0) as UtcMs;
/** Throws `UnitError` for a non-integer or a negative duration. */
export const ms = (value: number): Ms => integer("duration in ms", value, 0) as Ms;
