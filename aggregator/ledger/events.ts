import type {
  Correction,
  DemandAction,
  DeviceChange,
  EnergyForm,
  NoticeLease,
  NoticeReport,
  Objection,
  Party,
  Payment,
  Scale,
  Side,
} from "@busbar/protocol";
import type { Outlook } from "@busbar/protocol/forecast";
import type { Certificates, GreenForm } from "../settlement/certificates.ts";
import type { EstimateMethod, SettlementReason } from "./settlements.ts";

/** Prices of a slot; null = "not traded", never a number. 10⁻⁶ currency per kWh. */
export type SlotPrices = {
  readonly cg: number | null;
  readonly cu: number | null;
  readonly gc: number | null;
  readonly gu: number | null;
};

/**
 * What a block brought about, in the order it happened: plain data that survives JSON. Events are
 * deterministic (their digest is under the results root) and are stored with the block; the read
 * model, the notices and what is published on MQTT are projections of them.
 *
 * Units: names end in them; `time`, `slot`, `from`, `to` are site ms; prices are 10⁻⁶ currency/kWh,
 * money 10⁻⁶ currency. Byte strings (quote ids, hashes) are hex.
 */
export type LedgerEvent =
  | {
      readonly type: "readings-accepted";
      readonly meter: string;
      readonly device: string;
      readonly owner: string;
      readonly first: number;
      readonly last: number;
      readonly from: number;
      readonly to: number;
      /** Cumulative since the meter's first reading, resets and replacements bridged. */
      readonly importWh: number;
      readonly exportWh: number;
    }
  /** A gap too long to be shared out over its slots: the energy is known, its slots are not. */
  | {
      readonly type: "energy-unallocated";
      readonly meter: string;
      readonly owner: string;
      readonly from: number;
      readonly to: number;
      readonly importWh: number;
      readonly exportWh: number;
    }
  /** The meter's registers began anew, or jumped by more than can flow; what flowed between the two
   * readings is not known. */
  | {
      readonly type: "registers-restarted";
      readonly meter: string;
      readonly owner: string;
      readonly quality: "reset" | "replaced" | "implausible";
      readonly from: number;
      readonly to: number;
    }
  /** No reading has come that reaches the end of the last slot; `since`: its last reading's time. */
  | {
      readonly type: "meter-silent";
      readonly meter: string;
      readonly device: string;
      readonly owner: string;
      readonly since: number;
    }
  /** It reports again. */
  | {
      readonly type: "meter-heard";
      readonly meter: string;
      readonly owner: string;
      readonly since: number;
    }
  | { readonly type: "owner-admitted"; readonly owner: string; readonly party: Party }
  | {
      readonly type: "device-admitted";
      readonly device: string;
      readonly owner: string;
      readonly meters: readonly string[];
    }
  /** A motion is laid before the members; its mover has voted for it. */
  | {
      readonly type: "motion-opened";
      readonly motion: string;
      readonly kind: string;
      readonly by: string;
      readonly about: string;
      readonly until: number;
    }
  | {
      readonly type: "ballot-cast";
      readonly motion: string;
      readonly member: string;
      readonly accept: boolean;
    }
  /** `void`: accepted, and what it asks for had become impossible. */
  | {
      readonly type: "motion-decided";
      readonly motion: string;
      readonly about: string;
      readonly outcome: "accepted" | "rejected" | "expired" | "void";
    }
  /** Other parameters for the slots from `from` on. */
  | { readonly type: "parameters-decided"; readonly from: number }
  /** Another version of the market's rules for the slots from `from` on. */
  | {
      readonly type: "contract-decided";
      readonly from: number;
      readonly version: number;
      /** SHA-256 over its sources, hex. */
      readonly hash: string;
    }
  /** The first slot with other parameters has begun. */
  | { readonly type: "parameters-in-force" }
  /** In force from the height `from` on. */
  | {
      readonly type: "member-changed";
      readonly member: string;
      readonly action: "admit" | "remove" | "suspend" | "reinstate" | "expire";
      readonly from: number;
    }
  /** A change that was decided and, when its height had come, could not be made any more. */
  | {
      readonly type: "member-change-void";
      readonly member: string;
      readonly action: string;
      readonly reason: string;
    }
  /** An entry on the credit report of an owner or a member. */
  | {
      readonly type: "violation";
      readonly id: string;
      readonly kind: string;
      readonly points: number;
      readonly reason: string;
    }
  /** The members struck an entry from a credit report; `points`: what was left of it. */
  | {
      readonly type: "violation-struck";
      readonly id: string;
      readonly kind: string;
      readonly height: number;
      readonly points: number;
    }
  | {
      readonly type: "demand-mandate-set";
      readonly owner: string;
      readonly device: string;
      readonly version: number;
      readonly until: number;
    }
  /** An order of demand response: offered to the owner, or a contract within its mandate. */
  | {
      readonly type: "demand-ordered";
      readonly order: string;
      readonly by: string;
      readonly owner: string;
      readonly device: string;
      readonly action: DemandAction;
      readonly slot: number;
      readonly slots: number;
      /** In each slot. */
      readonly energyWh: number;
      readonly price: number;
      readonly status: "offered" | "contracted";
    }
  | {
      readonly type: "demand-answered";
      readonly order: string;
      readonly by: string;
      readonly owner: string;
      readonly device: string;
      readonly status: "contracted" | "acknowledged" | "refused" | "lapsed";
      /** Why it is refused; null otherwise. */
      readonly reason: string | null;
    }
  /** What the meters prove of an order, and what was paid for it; `kept` is null where they prove nothing. */
  | {
      readonly type: "demand-settled";
      readonly order: string;
      readonly by: string;
      readonly owner: string;
      readonly device: string;
      readonly slot: number;
      readonly slots: number;
      readonly orderedWh: number;
      readonly deliveredWh: number;
      readonly amount: number;
      readonly kept: boolean | null;
    }
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
  | { readonly type: "default-ended"; readonly owner: string }
  /** Others vote from the height `since` on, or with other keys. */
  | {
      readonly type: "epoch-began";
      readonly epoch: number;
      readonly since: number;
      readonly voters: readonly string[];
    }
  | {
      readonly type: "device-suspended" | "device-resumed";
      readonly device: string;
      readonly owner: string;
      /** A member, or the owner itself. */
      readonly by: string;
      readonly reason: DeviceChange["reason"];
    }
  | {
      readonly type: "mandate-set";
      readonly owner: string;
      readonly device: string;
      readonly version: number;
      readonly until: number;
    }
  /** What an owner lets the market plan with: so many things that can be moved. */
  | {
      readonly type: "assets-stated";
      readonly owner: string;
      readonly version: number;
      readonly until: number;
      readonly movable: number;
    }
  /**
   * What can be moved was planned for the slots from `from` to `to` (the last one's end): by the colony,
   * and beside it what the exact plan gains, 10⁻⁶ currency of joint surplus.
   */
  | {
      readonly type: "gate-planned";
      readonly scale: Scale;
      readonly from: number;
      readonly to: number;
      readonly owners: readonly string[];
      readonly gain: number;
      readonly exactGain: number;
    }
  | {
      readonly type: "notice-preferences-set";
      readonly owner: string;
      readonly version: number;
    }
  /** The member sends the site's notices by a channel, and says how far it has come. */
  | ({ readonly type: "notice-lease-taken" } & NoticeLease)
  | ({ readonly type: "notice-report-taken" } & NoticeReport)
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
    }
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
  /** What a meter's slot held was corrected: by the members, or by readings that came after all. */
  | {
      readonly type: "slot-corrected";
      readonly meter: string;
      readonly owner: string;
      readonly slot: number;
      readonly version: number;
      readonly reason: Correction["reason"] | "late-readings";
      /** null where nothing was known. */
      readonly before: { readonly importWh: number; readonly exportWh: number } | null;
      readonly importWh: number;
      readonly exportWh: number;
    }
  /** The voting members are asked to decide; `motion` names the case together with its slot. */
  | {
      readonly type: "case-opened";
      readonly motion: string;
      readonly slot: number;
      readonly by: string;
      readonly about: "correction" | "objection";
      readonly until: number;
    }
  | {
      readonly type: "case-closed";
      readonly motion: string;
      readonly slot: number;
      readonly outcome: "upheld" | "rejected" | "lapsed";
      readonly upheldBy: number;
      readonly rejectedBy: number;
    }
  | {
      readonly type: "contract-held";
      readonly contract: string;
      readonly slot: number;
      readonly seller: string;
      readonly buyer: string;
      readonly by: string;
      readonly against: Objection["against"];
      readonly reason: Objection["reason"];
    }
  /** The contract counts for nothing; its energy is imbalance of both parties. */
  | {
      readonly type: "contract-void";
      readonly contract: string;
      readonly slot: number;
      readonly seller: string;
      readonly buyer: string;
      readonly against: Objection["against"];
    }
  /** The line of `feeder` carries no more since another contract is void; `quantityWh` is what is left. */
  | {
      readonly type: "contract-cut";
      readonly contract: string;
      readonly slot: number;
      readonly seller: string;
      readonly buyer: string;
      readonly byWh: number;
      readonly quantityWh: number;
      readonly feeder: string;
    }
  | {
      readonly type: "contract-stands";
      readonly contract: string;
      readonly slot: number;
      readonly seller: string;
      readonly buyer: string;
      readonly outcome: "rejected" | "lapsed";
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
