import {
  compareObis,
  mulDiv,
  obis,
  parseObis,
  quality,
  type ReadingEntry,
  stepMax,
  utcMs,
} from "@busbar/protocol";
import type { Rhythm } from "./due.ts";

/** One register as a driver reads it; see `meters/meter.ts`. */
export type RegisterValue = {
  readonly obis?: string | undefined;
  readonly mantissa: number;
  readonly exponent: number;
  readonly step?: number | undefined;
};

/** mantissa · 10^exponent, and the register's step where it is coarser than the last digit. */
export type Decimal = readonly [mantissa: number, exponent: number, step?: number];

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

/** The ledger refuses a billing register beyond 10 TWh, and with it all that follows it. */
const registerWhMax = 10_000_000_000_000;

const billing: ReadonlySet<string> = new Set([obis.importEnergy, obis.exportEnergy]);

/**
 * The entry that a reading becomes: the registers that have an OBIS code and a known value. Time
 * never runs backward in a chain: where the unit's clock was set back, the entry follows its
 * predecessor by a millisecond and its clock is marked doubtful until the clock has caught up.
 */
export function entryOf(
  { time, values }: { readonly time: number; readonly values: readonly RegisterValue[] },
  { lastTime, clock, quality: how, billingOnly }: EntryContext,
): ReadingEntry {
  const registers = new Map<string, Decimal>();
  const coded = values.filter(isCoded).filter(({ obis }) => !billingOnly || billing.has(obis));
  const billingFirst = (a: Coded, b: Coded) =>
    Number(billing.has(b.obis)) - Number(billing.has(a.obis));
  const taken =
    coded.length > registersMax ? coded.sort(billingFirst).slice(0, registersMax) : coded;
  // In the wire's order: an entry is encoded three times, and nothing is sorted there any more.
  taken.sort((a, b) => compareObis(a.obis, b.obis));
  taken.forEach((value) => {
    registers.set(value.obis, decimalOf(value));
  });
  return entryAt({ registers, quality: how }, { time, clock, lastTime });
}

type Coded = RegisterValue & { readonly obis: string };

const isCoded = (value: RegisterValue): value is Coded => value.obis !== undefined;

/** An entry at a time, or just behind its predecessor where that is later. */
export function entryAt(
  { registers, quality: how }: Pick<ReadingEntry, "registers" | "quality">,
  { time, clock, lastTime }: Pick<EntryContext, "clock" | "lastTime"> & { readonly time: number },
): ReadingEntry {
  const backward = time <= lastTime;
  return {
    time: utcMs(backward ? lastTime + 1 : time),
    clock: backward ? clock | clockDoubtful : clock,
    registers,
    quality: how,
  };
}

/** Readings that failed without a slot boundary between them, and so many intervals, are no gap. */
const gapIntervals = 2;

/** The entry that says that a meter was away, where one is due: a slot's boundary passed, and more
 * than two intervals, since its last entry. The ledger learns that it is a gap and not silence. */
export function gapEntry(
  { time, lastTime, clock }: Pick<EntryContext, "clock" | "lastTime"> & { readonly time: number },
  { everyMs, slotMs }: Rhythm,
): ReadingEntry | undefined {
  const slot = (at: number) => Math.floor(at / slotMs);
  const missed = slot(time) > slot(lastTime) && time - lastTime > gapIntervals * everyMs;
  if (lastTime === 0 || !missed) return undefined;
  return { time: utcMs(time), clock, registers: new Map(), quality: quality.gap };
}

/** The billing registers among values. */
export function billingOf(values: readonly RegisterValue[]): Map<string, Decimal> {
  const coded = values.filter(isCoded).filter(({ obis }) => billing.has(obis));
  return new Map(coded.map((value) => [value.obis, decimalOf(value)]));
}

/** The billing registers of an entry. */
export function billingIn({ registers }: ReadingEntry): Map<string, Decimal> {
  return new Map([...registers].filter(([code]) => billing.has(code)));
}

/**
 * Whether a value can be signed: it must fit the wire, and the ledger takes billing registers from 0
 * to 10 TWh only.
 */
export function isCredible(value: RegisterValue): boolean {
  if (value.obis === undefined) return true;
  if (!fitsWire(value, value.obis)) return false;
  if (!billing.has(value.obis)) return true;
  const register = wholeWh(decimalOf(value));
  return value.mantissa >= 0 && register <= registerWhMax;
}

function fitsWire({ mantissa, exponent, step = 2 }: RegisterValue, code: string): boolean {
  const number = Number.isSafeInteger(mantissa) && Number.isInteger(exponent) && exponent <= 9;
  return number && parseObis(code) !== undefined && isStep(step);
}

const isStep = (step: number): boolean => Number.isInteger(step) && step > 1 && step <= stepMax;

/** A register in whole Wh, rounded down as the ledger does. */
export function wholeWh([mantissa, exponent]: Decimal): number {
  if (exponent < 0) return mulDiv(mantissa, 1, 10 ** -exponent, "floor");
  return mantissa * 10 ** exponent;
}

/** Within the wire's exponents −9 … 9; what is finer than 10⁻⁹ of a unit is rounded away. */
function decimalOf({ mantissa, exponent, step }: RegisterValue): Decimal {
  if (exponent >= -9) return step === undefined ? [mantissa, exponent] : [mantissa, exponent, step];
  return [Math.round(mantissa / 10 ** (-9 - exponent)), -9];
}
