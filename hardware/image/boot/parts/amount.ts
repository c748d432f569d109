/** How much is done in a run. */
export type Amount = {
  /** Power cuts at random instants, beside the one in the first start. */
  readonly cuts: number;
  /** Gives numbers from 0 to below 1. */
  readonly random: () => number;
};

export const secondsSince = (began: number): string =>
  `${((performance.now() - began) / 1000).toFixed(0)} s`;
