import type { FeederPurchase, FeederSale, FeederTerms, Wh } from "@busbar/protocol";

/**
 * How a trade between two chains goes on, as pure functions: the rules of both ledgers carry out what these say, and
 * `machine.test.ts` explores every order in which two chains can come to them. A chain takes a step by its own clock
 * and by what it was shown of the other's state, which may be old.
 */

type Deadlines = Pick<FeederTerms, "confirmBy" | "deliverBy" | "payBy" | "closeBy">;

/** What a step needs to know of the seller's entry. */
export type Sale = Pick<FeederSale, "stage" | "crossedWh"> & { readonly terms: Deadlines };
/** And of the buyer's. */
export type Purchase = Pick<FeederPurchase, "stage" | "crossedWh" | "paidWh"> & {
  readonly terms: Deadlines;
};

/** What a chain does next, if anything; `wait`: not yet, for want of what is named. */
export type SaleMove =
  /** The escrow stands: the seller is bound, its contract is made. */
  | { readonly to: "confirmed" }
  /** What crossed the boundary is known. */
  | { readonly to: "delivered"; readonly crossedWh: Wh }
  /** So much was paid for. From `abandoned` the contract, which fell, is made good again. */
  | { readonly to: "closed"; readonly paidWh: Wh }
  /** What was held is the seller's again; where a contract was made, it is void. */
  | { readonly to: "lapsed" | "failed" | "abandoned" };

export type PurchaseMove =
  | { readonly to: "paid"; readonly paidWh: Wh }
  /** The money is the buyer's again, the contract void. */
  | { readonly to: "released" };

/** What the seller's chain makes of the buyer's entry; undefined where that tells it nothing new. */
export function saleAfter(
  { stage, terms }: Sale,
  purchase: Purchase,
  time: number,
): SaleMove | undefined {
  switch (stage) {
    case "offered":
      // Behind the deadline the clock has let it lapse, or will before the block ends.
      if (purchase.stage === "escrowed" && time < terms.confirmBy) return { to: "confirmed" };
      return purchase.stage === "released" ? { to: "lapsed" } : undefined;
    case "confirmed":
      // Never paid: nothing was delivered that the other chain could have been shown.
      return purchase.stage === "released" ? { to: "failed" } : undefined;
    case "delivered":
    case "abandoned":
      if (purchase.stage === "paid" && purchase.paidWh !== undefined) {
        return { to: "closed", paidWh: purchase.paidWh };
      }
      return purchase.stage === "released" ? { to: "failed" } : undefined;
    case "closed":
    case "lapsed":
    case "failed":
      return undefined;
    default:
      return stage satisfies never;
  }
}

/** What the seller's chain does by its clock alone. */
export function saleAt({ stage, terms }: Sale, time: number): SaleMove | undefined {
  switch (stage) {
    case "offered":
      return time < terms.confirmBy ? undefined : { to: "lapsed" };
    case "confirmed":
      return time < terms.deliverBy ? undefined : { to: "failed" };
    case "delivered":
      return time < terms.closeBy ? undefined : { to: "abandoned" };
    case "closed":
    case "lapsed":
    case "failed":
    case "abandoned":
      return undefined;
    default:
      return stage satisfies never;
  }
}

/** What the seller's chain makes of its own meter at the boundary, once it is read. */
export function saleMetered({ stage, terms }: Sale, crossedWh: Wh, time: number) {
  if (stage !== "confirmed" || time >= terms.deliverBy) return undefined;
  return { to: "delivered", crossedWh } as const satisfies SaleMove;
}

/**
 * What the buyer's chain makes of the seller's entry. It pays for what crossed by both feeders' meters, before
 * `payBy` by its own clock; `unmetered`: its own meter there has not been read, so that it cannot say yet.
 */
export function purchaseAfter(
  purchase: Purchase,
  sale: Sale,
  time: number,
): PurchaseMove | "unmetered" | undefined {
  if (purchase.stage !== "escrowed") return undefined;
  switch (sale.stage) {
    case "offered":
    case "confirmed":
      return undefined;
    case "delivered": {
      if (time >= purchase.terms.payBy) return { to: "released" };
      if (purchase.crossedWh === undefined || sale.crossedWh === undefined) return "unmetered";
      const both = Math.min(purchase.crossedWh, sale.crossedWh) as Wh;
      return { to: "paid", paidWh: both };
    }
    // Closed here by our payment alone, which there was none of: the other chain broke its own rules.
    case "closed":
    case "lapsed":
    case "failed":
    case "abandoned":
      return { to: "released" };
    default:
      return sale.stage satisfies never;
  }
}

/** What the buyer's chain does by its clock alone. */
export function purchaseAt({ stage, terms }: Purchase, time: number): PurchaseMove | undefined {
  return stage === "escrowed" && time >= terms.payBy ? { to: "released" } : undefined;
}

/** When a chain's clock makes it look at a trade next; undefined once nothing is held any more. */
export function saleDue({ stage, terms }: Sale): number | undefined {
  switch (stage) {
    case "offered":
      return terms.confirmBy;
    case "confirmed":
      return terms.deliverBy;
    case "delivered":
      return terms.closeBy;
    default:
      return undefined;
  }
}

export function purchaseDue({ stage, terms }: Purchase): number | undefined {
  return stage === "escrowed" ? terms.payBy : undefined;
}

/** Energy of one slot between two feeders as this one's meter at the boundary saw it, for each trade. */
export type Crossing = { readonly id: string; readonly energy: number };
