import type { UtcMs } from "@busbar/protocol";
import { bytes, field, int, optional, record, type TypeOf } from "@busbar/protocol/schema";
import { table } from "../state/table.ts";

const most = Number.MAX_SAFE_INTEGER;
const instant = int<UtcMs>(0, most);
const amount = int(0, most);

/** Where a meter's chain of readings stands. */
const meterState = record("meter-state", {
  /** The sequence number that the ledger expects next. */
  next: field(1, int(1, most)),
  /** The chain's head before it. */
  head: field(2, bytes(32)),
  /** Time of the last entry. */
  time: field(3, instant),
  /** Time of the last entry that showed every energy register of the meter. */
  energyTime: optional(4, instant),
  /** What the registers showed then, in Wh. */
  importRegister: optional(5, amount),
  exportRegister: optional(6, amount),
  /** Cumulative energy: equals the register until that begins anew, and goes on from there. */
  importWh: field(7, amount),
  exportWh: field(8, amount),
  /** How often the registers began anew with energy unknown in between. */
  restarts: field(9, amount),
  /** No boundary before this one is kept. */
  oldestBoundary: optional(10, instant),
  /** Accepted batches. */
  batches: field(11, amount),
});

export type MeterState = TypeOf<typeof meterState>;

/** `reading/<meter>` */
export const meterStates = table("reading", meterState);

/** The end of an accepted batch; the head names all that came before it. */
const batchEnd = record("batch-end", { last: field(1, int(1, most)), head: field(2, bytes(32)) });

/** `batch/<meter>/<number modulo 64>`: lets a batch that was signed again answer `exists`. */
export const batchEnds = table("batch", batchEnd);

/** How many batch ends a meter keeps: the edge's window of frames in flight. */
export const batchEndsMax = 64;
