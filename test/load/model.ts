/**
 * What a site of any size costs, from constants that were measured on one machine: see
 * `aggregator/SCALE.md`, which says where each is from.
 */
export type CostConstants = {
  /** Processor's time of all threads for a batch in each member, at saturation, µs. */
  readonly batchUs: number;
  /** Of it, in the one thread that runs the ledger, µs. */
  readonly ledgerUs: number;
  /** Processor's time for a block of one batch in each member, ms. */
  readonly blockMs: number;
  /** From a batch's arrival to its block on disk where nothing else waits, ms. */
  readonly finalMs: number;
  /** Settling one meter's slot, in the ledger's thread, µs. */
  readonly settleUs: number;
  /** A reading on a member's disk, bytes. */
  readonly diskBytes: number;
  /** A batch of ten readings on the wire, and what each reading more adds, bytes. */
  readonly frameBytes: { readonly head: number; readonly reading: number };
};

export type SiteSize = {
  readonly meters: number;
  readonly members: number;
  /** Seconds from one batch of a meter to its next. */
  readonly everyS: number;
  /** Readings in a batch. */
  readonly readings: number;
  readonly slotMinutes: number;
};

/** What each member, on a machine of its own, has to do. */
export type Cost = {
  readonly batchesPerS: number;
  /** Of the ledger's thread, the part that batches take: at 1 nothing is left, and lines grow. */
  readonly ledgerShare: number;
  /** From arrival to block, ms; Infinity where batches come faster than they are run. */
  readonly finalMs: number;
  /** Processor cores in use. */
  readonly cores: number;
  /** How long the block that settles a slot holds up the others, s. */
  readonly settleS: number;
  /** On disk, GB a year; old blocks can leave for the archive. */
  readonly gbPerYear: number;
  /** To and from other members, Mbit/s: each batch travels when it is told and in its proposal. */
  readonly mbitPerS: number;
};

const secondsPerYear = 31_557_600;

export function costOf(site: SiteSize, constants: CostConstants): Cost {
  const { meters, members, everyS, readings, slotMinutes } = site;
  const batchesPerS = meters / everyS;
  const ledgerShare = (batchesPerS * constants.ledgerUs) / 1e6;
  // A block holds what came while the one before it was run: the line grows as in any server's.
  const finalMs =
    ledgerShare < 1 ? constants.finalMs / (1 - ledgerShare) : Number.POSITIVE_INFINITY;
  const blocksPerS = Math.min(batchesPerS, 1000 / finalMs);
  const settleS = (meters * constants.settleUs) / 1e6;
  const frame = constants.frameBytes.head + readings * constants.frameBytes.reading;
  return {
    batchesPerS,
    ledgerShare,
    finalMs,
    cores:
      (batchesPerS * constants.batchUs) / 1e6 +
      (blocksPerS * constants.blockMs) / 1000 +
      settleS / (60 * slotMinutes),
    settleS,
    gbPerYear: (batchesPerS * readings * constants.diskBytes * secondsPerYear) / 1e9,
    mbitPerS: (2 * (members - 1) * batchesPerS * frame * 8) / 1e6,
  };
}

/** The most meters whose batches the ledger's thread can run. */
export function metersMax({ everyS }: Pick<SiteSize, "everyS">, constants: CostConstants): number {
  return Math.floor((everyS * 1e6) / constants.ledgerUs);
}
