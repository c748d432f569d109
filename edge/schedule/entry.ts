import { mulDiv, obis, quality, type ReadingEntry, utcMs } from "@busbar/protocol";

/** One register as a driver reads it; see `meters/meter.ts`. */
export type RegisterValue = {
  readonly obis?: string | undefined;
  readonly mantissa: number;
  readonly exponent: number;
};

/** What is known when a reading becomes an entry. */
export type EntryContext = {
  /** Site ms of the meter's newest entry, 0 before the first. */
  readonly lastTime: number;
  /** Clock byte of the unit's own time (`clockSource`). */
  readonly clock: number;
  readonly quality: number;
  /** Record billing registers only: the disk is nearly full. */
  readonly billingOnly: boolean;
};

/** COSEM clock status bit 1: the value could be adjusted, but is doubtful (IEC 62056-6-2). */
const clockDoubtful = 0x02;

/** Most registers in one entry of the wire format. */
const registersMax = 80;

const billing: ReadonlySet<string> = new Set([obis.importEnergy, obis.exportEnergy]);

/**
 * The entry that a reading becomes: the registers that have an OBIS code and a known value. Time
 * never runs backward in a chain: where the unit's clock was set back, the entry follows its
 * predecessor by a millisecond and its clock is marked doubtful until the clock has caught up.
 */
export function entryOf(
  { time, values }: { readonly time: number; readonly values: readonly RegisterValue[] },
  { lastTime, clock, quality, billingOnly }: EntryContext,
): ReadingEntry {
  const registers = new Map<string, readonly [number, number]>();
  const coded = values.flatMap((value) =>
    value.obis === undefined || (billingOnly && !billing.has(value.obis))
      ? []
      : [{ ...value, obis: value.obis }],
  );
  // Billing first: where there is no room for all, they are in.
  coded.sort((a, b) => Number(billing.has(b.obis)) - Number(billing.has(a.obis)));
  for (const value of coded.slice(0, registersMax)) registers.set(value.obis, decimalOf(value));
  const backward = time <= lastTime;
  return {
    time: utcMs(backward ? lastTime + 1 : time),
    clock: backward ? clock | clockDoubtful : clock,
    registers,
    quality,
  };
}

/** Whether a billing register shows less than before: a reset, an exchange or a misreading. */
export function ranBackward(
  values: readonly RegisterValue[],
  lastOf: (obis: string) => readonly [number, number] | undefined,
): boolean {
  return values.some((value) => {
    if (value.obis === undefined || !billing.has(value.obis)) return false;
    const before = lastOf(value.obis);
    return before !== undefined && wholeWh(decimalOf(value)) < wholeWh(before);
  });
}

/** A register in whole Wh, rounded down as the ledger does. */
export function wholeWh([mantissa, exponent]: readonly [number, number]): number {
  if (exponent < 0) return mulDiv(mantissa, 1, 10 ** -exponent, "floor");
  return mantissa * 10 ** exponent;
}

/** Within the wire's exponents −9 … 9; what is finer than 10⁻⁹ of a unit is rounded away. */
function decimalOf({ mantissa, exponent }: RegisterValue): readonly [number, number] {
  if (exponent >= -9) return [mantissa, exponent];
  return [Math.round(mantissa / 10 ** (-9 - exponent)), -9];
}

/** How a reading came about, from what is known of the meter. */
export function qualityOf({
  backward,
  replaced,
}: {
  readonly backward: boolean;
  readonly replaced: boolean;
}): number {
  if (replaced) return quality.replaced;
  return backward ? quality.reset : quality.measured;
}
