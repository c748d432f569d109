import type { ProcessFigures } from "./process-figures.ts";

export type LoadOptions = {
  readonly meters: number;
  readonly minutes: number;
  readonly members: number;
  readonly everyMs: number;
  readonly entries: number;
};

/** How it stood at an instant, `second` s after the first batch. */
export type Sample = {
  readonly second: number;
  readonly signed: number;
  readonly waiting: number;
  readonly connected: number;
  /** Of the receipts since the last sample, ms from signing. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of each member's process. */
  readonly members: readonly ProcessFigures[];
};

export type LoadResult = LoadOptions & {
  readonly cores: number;
  readonly seconds: number;
  readonly signed: number;
  readonly receipts: number;
  /** ms from signing to the verified receipt; none where there is no receipt. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  /** How often batches were refused before they were taken after all, by code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly samples: readonly Sample[];
  readonly height: number;
  readonly restarts: number;
  /** What must not be; nothing where all went well. */
  readonly problems: readonly string[];
};
