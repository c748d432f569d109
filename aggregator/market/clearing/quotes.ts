import type { EnergyForm, MicroPerKwh, Side, UtcMs, Wh } from "@busbar/protocol";

/**
 * An opened quote as the market sees it. `time` is when it was committed, in ms; `party` is who pays
 * or is paid; `feeder` is where its meter hangs, when that is known. Of quotes at one limit those with the
 * higher `rank` are served first (0 where absent); equal ones share.
 *
 * Shape: `id` is unique within a slot; `quantity` > 0.
 */
export type Quote = {
  readonly id: string;
  readonly party: string;
  readonly side: Side;
  readonly slot: UtcMs;
  readonly form: EnergyForm;
  readonly quantity: Wh;
  readonly limit: MicroPerKwh;
  readonly time: UtcMs;
  readonly feeder?: string;
  readonly rank?: number;
};

/**
 * What became of one quote. `accepted` is traded with others; `netted` is what the party would have
 * sold to itself, which is no trade. The rest of the quantity found nobody.
 */
export type Fill = { readonly id: string; readonly accepted: Wh; readonly netted: Wh };

/**
 * Why a clearing is right: every price in [lo, hi] supports it (undefined where no quote bounds it),
 * `cleared` is accepted + netted energy, `welfare` is what bids value it above asks (10⁻⁶ currency,
 * rounded down), and `rationed` the group of equal limits that could not be served whole.
 */
export type ClearingCertificate = {
  readonly lo: MicroPerKwh | undefined;
  readonly hi: MicroPerKwh | undefined;
  readonly reference: MicroPerKwh | undefined;
  readonly cleared: Wh;
  readonly welfare: number;
  readonly rationed: Rationed | undefined;
};

/** Quotes of one side, limit and rank that share what is left in proportion to their quantities. */
export type Rationed = {
  readonly side: Side;
  readonly limit: MicroPerKwh;
  /** Left out where it is 0. */
  readonly rank?: number;
  readonly offered: Wh;
  readonly cleared: Wh;
};

/**
 * A cleared slot: a fill for each quote in the order of the quotes, the uniform price (undefined when
 * nothing is traded between parties), the traded energy, and the certificate.
 */
export type Clearing = {
  readonly fills: readonly Fill[];
  readonly price: MicroPerKwh | undefined;
  readonly volume: Wh;
  readonly certificate: ClearingCertificate;
};

/** Total order of quotes of one side and limit: earlier first, then by id (UTF-16 code units). */
export function earlierFirst(a: Quote, b: Quote): number {
  return a.time - b.time || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

export function rankOf({ rank = 0 }: Pick<Quote, "rank">): number {
  return rank;
}

/**
 * One feeder of a clearing over a grid (undefined: the busbar): its price, where somebody trades, and
 * what it sends to its parent, below 0 what it gets.
 */
export type PlaceClearing = {
  readonly feeder: string | undefined;
  readonly price: MicroPerKwh | undefined;
  readonly exportWh: number;
};

/**
 * A slot cleared over a grid. Feeders stand from the busbar outwards. `welfare` is what bids value the
 * cleared energy above asks and fees, `fees` what the lines are owed (10⁻⁶ currency, rounded down).
 * What buyers pay above what sellers get is the fees, and more where lines are full.
 */
export type GridClearing = {
  readonly fills: readonly Fill[];
  readonly places: readonly PlaceClearing[];
  readonly volume: Wh;
  readonly reference: MicroPerKwh | undefined;
  readonly welfare: number;
  readonly fees: number;
};

/** Throws: `RangeError` for quotes of different slots or without energy. */
export function checkQuotes(quotes: readonly Quote[]): void {
  const slot = quotes[0]?.slot;
  for (const quote of quotes) {
    if (quote.slot !== slot) {
      throw new RangeError(
        `quote ${quote.id}: expected slot ${slot} as in the first quote, got ${quote.slot}`,
      );
    }
    if (!(quote.quantity > 0)) {
      throw new RangeError(`quote ${quote.id}: expected a quantity above 0, got ${quote.quantity}`);
    }
  }
}
