/** How a unit stands with its label. */
export type ClaimStatus =
  /** The card is sealed and waits for the label's code. */
  | { readonly state: "code" }
  /** It asks; `problem`: why nobody has answered yet. */
  | {
      readonly state: "asking";
      readonly label: string;
      readonly until: number | undefined;
      readonly problem: string | undefined;
    }
  /** The ledger says no. It asks again now and then: a member may give the label once more. */
  | {
      readonly state: "refused";
      readonly label: string;
      readonly until: number | undefined;
      readonly code: string;
      readonly message: string;
    }
  /** Taken in, in this block. */
  | { readonly state: "admitted"; readonly label: string; readonly height: number };

/** What to do about a refused claim, as an installer or the office can. Codes are the ledger's. */
const remedies: Readonly<Record<string, string>> = {
  "claim.expired":
    "a member gives a new label: busbar-aggregator site labels, or replace where the unit is known; then enter its code here",
  "claim.used":
    "a label is used once. If its first unit is dead: busbar-aggregator replace; if nobody of yours used it, tell the member at once: somebody else is in the unit's name",
  "claim.revoked": "ask the member who took it back for another label",
  "claim.device": "put the right unit's label on, or flash the card of this label's unit",
  "claim.owner": "give owner.id and owner.party in edge.yaml as the label has them, and owner.key",
  "claim.place":
    "the unit was admitted otherwise meanwhile; if this one takes its place: busbar-aggregator replace",
  "claim.meters":
    "take the meters over as they were (the commissioning sheet's configuration); others are admitted by request: busbar-aggregator admit --replace",
  "admission.meter-taken":
    "give the meter in edge.yaml another id, or have the other unit give it up",
  "admission.meter-owner": "give the meter in edge.yaml another id",
  "admission.key-taken":
    "this card was copied from another unit: remove device.key (and owner.key) and start again",
  "admission.id-taken": "give the owner another id, in edge.yaml and on the label",
  "tx.key-unknown":
    "the member looks whether this label stands on the ledger (busbar-aggregator site list), and whether the unit's site is the label's; the unit's page says at its end whether it knows the time",
};

export const claimRemedy = (code: string): string =>
  remedies[code] ?? "ask the member who gave the label; the aggregator's log says more about it";

/** Day and minute, as the ledger's clock has it. */
export const untilText = (until: number | undefined): string =>
  until === undefined
    ? ""
    : `; the label counts until ${new Date(until).toISOString().slice(0, 16).replace("T", " ")} UTC by the ledger's clock`;
