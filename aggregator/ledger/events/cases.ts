import type { Correction, Objection } from "@busbar/protocol";

/** Of corrections and objections, which members decide. */
export type CaseEvent =
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
    };
