import type { EnergyForm, Scale, Side } from "@busbar/protocol";
import type { Outlook } from "@busbar/protocol/forecast";

/** Prices of a slot; null = "not traded", never a number. 10⁻⁶ currency per kWh. */
export type SlotPrices = {
  readonly cg: number | null;
  readonly cu: number | null;
  readonly gc: number | null;
  readonly gu: number | null;
};

/** Of a slot from its opening to its contracts. */
export type MarketEvent =
  | {
      readonly type: "mandate-set";
      readonly owner: string;
      readonly device: string;
      readonly version: number;
      readonly until: number;
    }
  | {
      readonly type: "slot-opened";
      readonly slot: number;
      /** Which of the slot's gates: it opens for each of them. */
      readonly horizon: Scale;
      readonly pass: number;
      readonly gate: number;
      readonly revealUntil: number;
      readonly prices: SlotPrices;
      /** What companies and users are expected to give to the feeder, Wh; null: not known. */
      readonly forecast: { readonly companies: Outlook | null; readonly users: Outlook | null };
    }
  | {
      readonly type: "gate-closed";
      readonly slot: number;
      readonly scale: Scale;
      readonly commitments: number;
    }
  | {
      readonly type: "quote-committed";
      readonly id: string;
      readonly owner: string;
      readonly slot: number;
    }
  | {
      readonly type: "quote-revealed";
      readonly id: string;
      readonly owner: string;
      readonly slot: number;
      readonly quotes: number;
    }
  | {
      readonly type: "quote-void";
      readonly id: string;
      readonly owner: string;
      readonly slot: number;
      readonly reason: string;
    }
  | {
      readonly type: "slot-cleared";
      readonly slot: number;
      readonly scale: Scale;
      readonly pass: number;
      readonly clearing: number | null;
      readonly quantityWh: number;
      /** The colony's, for what was quoted. */
      readonly prices: SlotPrices;
      /** The closed form's for the same energy; null where nothing was quoted. */
      readonly exact: SlotPrices | null;
      /** Where the market clears over a grid: the feeders from the busbar (null) outwards. */
      readonly grid?: {
        readonly feeders: readonly {
          readonly feeder: string | null;
          readonly price: number | null;
          /** At this gate, to its parent; below 0 from it. */
          readonly exportWh: number;
        }[];
        /** What bids value above asks and fees, and what the lines are owed, 10⁻⁶ currency. */
        readonly welfare: number;
        readonly fees: number;
      };
    }
  /** What became of an opened quote at its gate. */
  | {
      readonly type: "quote-cleared";
      readonly id: string;
      readonly owner: string;
      readonly slot: number;
      readonly scale: Scale;
      readonly side: Side;
      readonly quantityWh: number;
      /** Traded with others, and what its owner would have traded with itself. */
      readonly filledWh: number;
      readonly nettedWh: number;
      /** As it counted: inside the tariff. */
      readonly limit: number;
      /** Where its owner stands; null: nothing was traded there. */
      readonly price: number | null;
      /** The reference price that was published when quoting opened. */
      readonly expected: number | null;
      /** Why some of it is left: the price was beyond its limit, nobody stood on the other side, or
       * equal limits (over a grid: full lines) shared what was there. */
      readonly why: "price" | "nobody" | "shared" | null;
      /** Where the rest goes. */
      readonly rest: "next-gate" | "bureau" | "nobody" | null;
    }
  | {
      readonly type: "contract-signed";
      readonly contract: string;
      readonly slot: number;
      readonly seller: string;
      readonly buyer: string;
      readonly quantityWh: number;
      /** What the seller gets. */
      readonly price: number;
      /** What the buyer pays on top for the way over the grid; left out where that is nothing. */
      readonly fee?: number;
      /** From the book, or with the bureau for what nobody else took or gave. */
      readonly origin: "book" | "residual";
      /** What the seller offered it as; left out where it named no form. */
      readonly form?: EnergyForm;
      /** What is lost on the way over the grid; left out where that is nothing. */
      readonly lossWh?: number;
      /** How long before delivery. */
      readonly scale: Scale;
    };
