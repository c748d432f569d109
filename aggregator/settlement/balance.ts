import type { Movement } from "./settle.ts";

/**
 * What a slot came to for all parties together, 10⁻⁶ currency:
 * paid − received − fees − taxes + subsidies = rounding. Every movement is one integer on both of its
 * sides, so the rounding account has nothing to take up; it is shown, and each block checks the accounts.
 */
export type SlotBalance = {
  /** By buyers for energy and all that comes with it, subsidies taken off. */
  readonly paid: number;
  /** By sellers for energy. */
  readonly received: number;
  /** For the grid's lines, and other fees. */
  readonly fees: number;
  /** Taxes and levies. */
  readonly taxes: number;
  /** From the bureau to buyers, by eq. 3, 6 and 8 of Liu & Zhou. */
  readonly subsidies: number;
};

export const emptyBalance: SlotBalance = { paid: 0, received: 0, fees: 0, taxes: 0, subsidies: 0 };

/** A balance with movements added, or with `sign` −1 taken back. */
export function addToBalance(
  balance: SlotBalance,
  movements: readonly Movement[],
  sign: 1 | -1 = 1,
): SlotBalance {
  const sums = { ...balance };
  for (const { reason, money: amount } of movements) {
    const money = sign * amount;
    switch (reason) {
      case "sale":
      case "imbalance-surplus":
      case "imbalance-shortage":
        sums.paid += money;
        sums.received += money;
        break;
      case "grid-fee":
      case "fee":
        sums.paid += money;
        sums.fees += money;
        break;
      case "tax":
      case "levy":
        sums.paid += money;
        sums.taxes += money;
        break;
      case "subsidy":
        // From the bureau to the buyer: the movement's money is below 0.
        sums.paid += money;
        sums.subsidies -= money;
        break;
      case "line-share":
      case "grid-loss":
        // What was paid as a fee changes hands once more.
        break;
      default:
        reason satisfies never;
    }
  }
  return sums;
}

/** What is left over: 0 where nothing arose and nothing was lost. */
export function roundingOf({ paid, received, fees, taxes, subsidies }: SlotBalance): number {
  return paid - received - fees - taxes + subsidies;
}
