import { array, bytes, int, mapOf, pairAnd, type TypeOf } from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";
import type { UtcMs } from "../units/brands.ts";
import { id } from "./id.ts";
import { obisKey } from "./obis.ts";

/** Most entries in one batch: with ten registers each it stays well below the broker's 16 KiB. */
export const batchEntriesMax = 64;

/** Most registers in one entry. */
export const registersMax = 80;

/** 2⁵³ − 1. */
const most = Number.MAX_SAFE_INTEGER;

/** An instant on the wire: integer ms since 1970 UTC. */
export const instant = int<UtcMs>(0, most);

/** How a value came about. Unknown is never 0: a register that did not answer is left out. */
export const quality = {
  measured: 0,
  estimated: 1,
  substituted: 2,
  reset: 3,
  replaced: 4,
  gap: 5,
} as const;

/**
 * Clock byte. Bits 0–3 and 7 are COSEM's clock status of the meter's own clock (IEC 62056-6-2:
 * invalid, doubtful, different base, invalid status, daylight saving); bits 4–6 say what the unit's
 * own time rests on.
 */
export const clockSource = {
  unsynchronised: 0 << 4,
  informative: 1 << 4,
  ntp: 2 << 4,
  monotonicOnly: 3 << 4,
  authenticated: 4 << 4,
} as const;

/** Largest step of a register, in its last digits. */
export const stepMax = 1_000_000_000;

/**
 * Mantissa · 10^exponent in the register's base unit (Wh, W, V, A, Hz). The third number is the
 * register's resolution where that is coarser than the last digit: it counts in steps of so many
 * 10^exponent, rounded up. A float32 beyond 65 536 kWh has steps of 7.8 Wh: `[70000008, 0, 8]`.
 */
const decimal = pairAnd(int(-most, most), int(-9, 9), int(2, stepMax));

/** One reading: when, on which clock, what every register showed. */
export const readingEntry = record("reading-entry", {
  time: field(1, instant),
  clock: field(2, int(0, 255)),
  registers: field(3, mapOf(obisKey, decimal, registersMax)),
  quality: field(4, int(0, 5)),
});

/**
 * Consecutive readings of one meter. Entry i has sequence `first + i`; `prev` is the chain's head
 * before the first of them (`chainHead`).
 */
export const readings = record("readings", {
  meter: field(1, id),
  first: field(2, int(1, most)),
  prev: field(3, bytes(32)),
  entries: field(4, array(readingEntry, 1, batchEntriesMax)),
});

export type ReadingEntry = TypeOf<typeof readingEntry>;
export type Readings = TypeOf<typeof readings>;
