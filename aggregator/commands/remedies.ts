/** What a member can do about a refused transaction of its own, by code. */
const remedies: Readonly<Record<string, string>> = {
  "admission.rights": "set member and key in aggregator.yaml to those of one member",
  "admission.bureau": "let members with a vote admit the bureau, each with the same request",
  "admission.exists-different": "run the same command again",
  "admission.expired": "run the same command again",
  "admission.until": "set this machine's clock, or that of the site",
  "admission.id-taken": "give the unit or owner another id in edge.yaml and enrol it again",
  "admission.id-reserved": "give the unit another id in edge.yaml and enrol it again",
  "admission.party-changed": "an owner stays what it is: enrol with its party, or another owner id",
  "admission.owner-unknown": "name the owner's own request too",
  "admission.owner-changed": "a unit stays its owner's: give it another id and enrol it again",
  "admission.key-taken": "let the unit or owner make a key file of its own and enrol it again",
  "admission.meter-taken":
    "give the meter another id, or first admit the other unit's request without it",
  "admission.meter-owner": "give the meter another id: what it recorded stays its first owner's",
  "motion.rights":
    "run it with the configuration of a member that votes; busbar-aggregator members lists them",
  "motion.open": "vote on the open motion: busbar-aggregator vote",
  "motion.too-many": "decide on the open ones first: busbar-aggregator vote",
  "ballot.unknown": "busbar-aggregator vote lists the open motions",
  "ballot.closed": "busbar-aggregator members shows what came of it",
  "ballot.exists-different": "let somebody make the motion again once this one is decided",
  "member.unknown": "give an id as it stands there",
  "member.state": "busbar-aggregator members shows what became of it",
  "member.request": "let the newcomer make it again: busbar-aggregator join",
  "member.request-used": "let the newcomer make a new one: busbar-aggregator join --renew",
  "member.expired": "let the newcomer make one with a later --expires",
  "member.id-taken": "let the newcomer take another --member",
  "member.key-taken": "let the newcomer make a key of its own",
  "member.too-many": "remove one first: busbar-aggregator propose remove",
  "objection.rights":
    "only a bureau objects: run it with the configuration of a member with that role",
  "objection.too-late":
    "the slot ended: lay a correction before the members where a meter was wrong",
  "correction.slot": "name the start of a slot that ended in the last 52 days",
  "correction.pending": "busbar-aggregator cases shows it; decide it first",
  "correction.exists-different":
    "busbar-aggregator cases shows what is before the members; decide it first",
  "device.state": "nothing to do: busbar-aggregator unit only changes what is otherwise",
  "label.rights": "set member and key in aggregator.yaml to those of one member",
  "label.version": "run the same command again",
  "label.exists-different": "run the same command again",
  "label.changed": "a label stays its unit's: make a new one, busbar-aggregator site labels",
  "label.expired": "make new ones: busbar-aggregator site labels",
  "label.until": "give fewer --days",
  "label.key-taken": "run the same command again, which draws another code",
  "label.device": "call the unit otherwise",
  "label.owner": "give the owner's own id and party, as the portal shows them",
  "label.bureau":
    "let members with a vote admit the bureau by its request: busbar-aggregator admit",
  "ruling.rights": "run it with the configuration of a member that votes",
  "ruling.closed": "busbar-aggregator cases --all shows what came of it",
  "parameters.slot": "give --from the start of a slot",
  "parameters.open": "give a later --from",
  "parameters.length": "a chain with slots of another length begins anew",
  "parameters.unsound": "give parameters that a genesis would be taken with",
  "parameters.feeder": "give every feeder at which a meter stands a line in grid",
  "contract.slot": "give --from the start of a slot",
  "contract.open": "give a later --from",
  "contract.same": "nothing to do",
  "contract.exists-different": "take the program that the other members run",
  "pool.full": "wait until the aggregator has caught up and run the same command again",
};

/** Always a sentence: a code of another release sends to the log. */
export function remedyOf(code: string): string {
  return remedies[code] ?? "the aggregator's log says more about it";
}
