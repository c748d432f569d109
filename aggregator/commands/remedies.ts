/** What a member can do about a refused admission, by code. */
const remedies: Readonly<Record<string, string>> = {
  "admission.rights": "set member and key in aggregator.yaml to those of one member",
  "admission.exists-different": "run the same command again",
  "admission.id-taken": "give the unit or owner another id in edge.yaml and enrol it again",
  "admission.id-reserved": "give the unit another id in edge.yaml and enrol it again",
  "admission.party-changed": "an owner stays what it is: enrol with its party, or another owner id",
  "admission.owner-unknown": "name the owner's own request too",
  "admission.owner-changed": "a unit stays its owner's: give it another id and enrol it again",
  "admission.key-taken": "let the unit or owner make a key file of its own and enrol it again",
  "admission.meter-taken":
    "give the meter another id, or first admit the other unit's request without it",
  "admission.meter-owner": "give the meter another id: what it recorded stays its first owner's",
  "pool.full": "wait until the aggregator has caught up and run the same command again",
};

/** Always a sentence: a code of another release sends to the log. */
export function remedyOf(code: string): string {
  return remedies[code] ?? "the aggregator's log says more about it";
}
