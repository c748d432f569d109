import type { DemandAction, Scale } from "@busbar/protocol";

/** Of energy that is moved: orders of demand response, and what owners let the market plan with. */
export type DemandEvent =
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
  /**
   * What the meters prove of an order, and what it comes to; `kept` is null where they prove nothing. Told again where
   * that is known better: then `difference` is what was posted, below 0 back from the owner.
   */
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
      readonly difference?: number;
    }
  /**
   * What an owner lets the market plan with: so many things that can be moved. `from`: the slot from which on
   * it counts, where the slots before are planned already.
   */
  | {
      readonly type: "assets-stated";
      readonly owner: string;
      readonly version: number;
      readonly from?: number;
      readonly until: number;
      readonly movable: number;
    }
  /**
   * What can be moved was planned for the slots from `from` to `to` (the last one's end): by the colony,
   * and beside it what the exact plan gains, 10⁻⁶ currency of joint surplus (in a hundred rounds). `leftOut`:
   * things that the plan had no room for.
   */
  | {
      readonly type: "gate-planned";
      readonly scale: Scale;
      readonly from: number;
      readonly to: number;
      readonly owners: readonly string[];
      readonly leftOut?: number;
      readonly gain: number;
      readonly exactGain: number;
    };
