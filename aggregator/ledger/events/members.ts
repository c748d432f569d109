/** Of the consortium: motions, members, parameters, credit reports. */
export type MemberEvent =
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
  /** The members suspended an owner's account in the market, or let it trade again. */
  | {
      readonly type: "account-changed";
      readonly owner: string;
      readonly action: "suspend" | "reinstate";
      readonly reason: string | null;
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
  /** Time took points off a credit report; `left`: what of them still counts. */
  | {
      readonly type: "credit-faded";
      readonly id: string;
      readonly points: number;
      readonly left: number;
    }
  /** Others vote from the height `since` on, or with other keys. */
  | {
      readonly type: "epoch-began";
      readonly epoch: number;
      readonly since: number;
      readonly voters: readonly string[];
    };
