import type { Payment, Side } from "@busbar/protocol";
import type { Certificates, GreenForm } from "../../settlement/certificates.ts";
import type { EstimateMethod, SettlementReason } from "../settlements.ts";

/** Of what was delivered, paid, and owed. */
export type SettlementEvent =
  /** Money that went from one to the other outside of the ledger. */
  | {
      readonly type: "payment-acknowledged";
      readonly by: string;
      readonly from: string;
      readonly amount: number;
      readonly purpose: Payment["purpose"];
    }
  /** An account owes more than is covered; `seized`: the collateral that was taken for it. */
  | {
      readonly type: "default-began";
      readonly owner: string;
      readonly owed: number;
      readonly seized: number;
    }
  /** Collateral of an account that is in default already, taken for what it owes. */
  | { readonly type: "collateral-seized"; readonly owner: string; readonly money: number }
  | { readonly type: "default-ended"; readonly owner: string }
  | {
      readonly type: "contract-settled";
      readonly contract: string;
      readonly slot: number;
      readonly seller: string;
      readonly buyer: string;
      readonly deliveredWh: number;
      /** Paid by the buyer to the seller. */
      readonly amount: number;
      /** Paid by the bureau to the buyer (eq. 3 and 8 of Liu & Zhou). */
      readonly subsidy: number;
      /** Paid by the buyer to the grid's account; left out where the way costs nothing. */
      readonly gridFee?: number;
      /** What was lost on the way, which the grid's account bought from the bureau. */
      readonly lossWh?: number;
    }
  | {
      readonly type: "imbalance-settled";
      readonly owner: string;
      readonly slot: number;
      readonly side: Side;
      readonly imbalanceWh: number;
      readonly amount: number;
      /** What was contracted: sold minus bought. */
      readonly soldWh: number;
      /** How much worse it was priced than the tariff, as part of `amount`; never below 0. */
      readonly penalty: number;
      /** How the energy was put where no reading shows it; left out where one does. */
      readonly method?: EstimateMethod;
    }
  /** Fees, taxes and levies of a party's slot, 10⁻⁶ currency each. */
  | {
      readonly type: "charges-settled";
      readonly owner: string;
      readonly slot: number;
      readonly charges: readonly {
        readonly id: string;
        readonly sort: "fee" | "tax" | "levy";
        /** The account that it went to. */
        readonly to: string;
        readonly money: number;
      }[];
    }
  /** A party's slot was settled anew: what was posted is the difference to the version before. */
  | {
      readonly type: "settlement-corrected";
      readonly owner: string;
      readonly slot: number;
      readonly version: number;
      readonly why: SettlementReason;
      /** As it stands now: a surplus is positive; the money is what the party got for it. */
      readonly imbalanceWh: number;
      readonly money: number;
      readonly imbalanceDifferenceWh: number;
      readonly moneyDifference: number;
      readonly method?: EstimateMethod;
      /** What fees, taxes and levies together became more; left out where they stayed as they were. */
      readonly chargeDifference?: number;
    }
  /** Not settled, because a balance would pass 2⁵³; `contract` is null for an imbalance. */
  | {
      readonly type: "settlement-held";
      readonly slot: number;
      readonly contract: string | null;
      readonly seller: string;
      readonly buyer: string;
    }
  /** What all that was posted of the slot comes to: paid − received − fees − taxes + subsidies. */
  | {
      readonly type: "slot-settled";
      readonly slot: number;
      readonly paid: number;
      readonly received: number;
      readonly fees: number;
      readonly taxes: number;
      readonly subsidies: number;
      /** What is left over: 0, for every movement is one integer on both of its sides. */
      readonly rounding: number;
    }
  /** An owner's bill of a local month can be made; above 0 it gets the total, below 0 it pays. */
  | {
      readonly type: "bill-ready";
      readonly owner: string;
      /** As 2026-06. */
      readonly month: string;
      /** When the month ended. */
      readonly to: number;
      readonly total: number;
      readonly importWh: number;
      readonly exportWh: number;
      /** Slots that are settled for good, by an estimate, and not at all yet. */
      readonly final: number;
      readonly provisional: number;
      readonly open: number;
    }
  /** A slot's green certificates as they stand now: all owners', and what went over with contracts. */
  | {
      readonly type: "slot-certified";
      readonly slot: number;
      readonly version: number;
      readonly certificates: readonly Certificates[];
      readonly sales: readonly { readonly contract: string; readonly energy: number }[];
    }
  /** Certificates that their holder handed to another owner, or retired (`to` is null). */
  | {
      readonly type: "certificates-moved";
      readonly owner: string;
      readonly to: string | null;
      readonly form: GreenForm;
      readonly energyWh: number;
      readonly parts: readonly { readonly slot: number; readonly energy: number }[];
      /** Of what was retired the part that made good what had been moved and stood no more. */
      readonly madeGoodWh: number;
    };
