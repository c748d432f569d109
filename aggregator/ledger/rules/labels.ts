import {
  checkPublicKey,
  compareBytes,
  keyId,
  type Label,
  labelIdOf,
  reservedIds,
} from "@busbar/protocol";
import { identityById, identityByKeyId } from "../identities.ts";
import { forgetLabel, type LabelEntry, labelEntries, labelExpiries, putLabel } from "../labels.ts";
import { refuse } from "../refuse.ts";
import type { BlockContext, BlockRule, Outcome, TxRule } from "../rule.ts";
import { devices } from "../tables.ts";
import { instantKey } from "./members/tables.ts";

/** How long a label may count: a season's work on a site. */
const labelMsMax = 90 * 86_400_000;

/**
 * Notes labels that a member gives out, gives once more, or takes back. What is said of a label is counted
 * for each label, so nothing that was said before can be said again by whoever finds it.
 *
 * Codes, in order: `label.rights`, then for each label that the ledger does not have exactly so already:
 * `label.exists-different`, `label.version`, `label.changed`, `label.expired`, `label.until`,
 * `label.key-taken`, `label.device`, `label.owner`, `label.bureau`.
 */
export const labelsRule: TxRule<"labels"> = (context, message, signer) => {
  if (signer.kind !== "member" || signer.id !== message.member) {
    return refuse(
      "label.rights",
      `expected the signature of member ${message.member}, got ${signer.kind} ${signer.id}'s`,
    );
  }
  let isNew = false;
  for (const label of message.labels) {
    const outcome = noteLabel(context, label, message.member);
    if (!outcome.ok) return outcome;
    isNew ||= !("code" in outcome);
  }
  return isNew ? { ok: true } : { ok: true, code: "exists" };
};

/** Forgets labels a month after they ended, where nobody used them. */
export const labelExpiryRule: BlockRule = {
  name: "label-expiry",
  // It can wait for the next block that anything else wants.
  due: () => false,
  run({ state, time }) {
    const over: (readonly [key: string, label: string])[] = [];
    for (const [key, { label }] of labelExpiries.scan(state)) {
      if (key >= instantKey(time + 1)) break;
      over.push([key, label]);
    }
    for (const [key, label] of over) {
      labelExpiries.delete(state, key);
      forgetLabel(state, label);
    }
  },
};

function noteLabel(context: BlockContext, label: Label, member: string): Outcome {
  const { state, emit } = context;
  const name = labelIdOf(label.key);
  const before = labelEntries.get(state, name);
  if (before !== undefined && before.version === label.version) {
    if (isSame(before, label)) return { ok: true, code: "exists" };
    return refuse("label.exists-different", `version ${label.version} of ${name} is another one`);
  }
  const next = (before?.version ?? 0) + 1;
  if (label.version !== next) {
    return refuse("label.version", `expected version ${next} of ${name}, got ${label.version}`);
  }
  const refusal = checkLabel(context, label, before);
  if (refusal !== undefined) return refusal;
  const takes = devices.get(state, label.device) === undefined ? "new" : "place";
  const { claim, usedAt } = before ?? {};
  putLabel(state, {
    ...label,
    ...{ member, takes, used: 0 },
    ...(claim === undefined ? {} : { claim }),
    ...(usedAt === undefined ? {} : { usedAt }),
  });
  const { device, owner, until } = label;
  const type = label.state === "open" ? "label-opened" : "label-revoked";
  emit({ type, label: name, device, owner, by: member, until });
  return { ok: true };
}

function checkLabel(
  { state, time }: BlockContext,
  label: Label,
  before: LabelEntry | undefined,
): Outcome | undefined {
  const name = labelIdOf(label.key);
  const isOf = ({ device, owner, party }: Label) => `${device} of ${party} ${owner}`;
  if (before !== undefined && isOf(before) !== isOf(label)) {
    return refuse("label.changed", `${name} is for ${isOf(before)}, not for ${isOf(label)}`);
  }
  if (label.state === "revoked") return undefined;
  if (label.until <= time) {
    return refuse("label.expired", `it would count before ${label.until}, and it is ${time} here`);
  }
  if (label.until - time > labelMsMax) {
    return refuse("label.until", "it would count for more than 90 days; give an earlier until");
  }
  const user = identityByKeyId(state, keyId(label.key));
  if (checkPublicKey(label.key) !== undefined || (user !== undefined && user.id !== name)) {
    return refuse("label.key-taken", `the key of ${name} is no one's own; make another code`);
  }
  return checkParties(state, label);
}

function checkParties(
  state: BlockContext["state"],
  { device, owner, party }: Label,
): Outcome | undefined {
  const holder = identityById(state, device);
  if (reservedIds.has(device) || (holder !== undefined && holder.kind !== "device")) {
    const why = holder === undefined ? "a topic's name" : `a ${holder.kind}`;
    return refuse("label.device", `${device} is ${why}; call the unit otherwise`);
  }
  if (holder?.kind === "device" && holder.device.owner !== owner) {
    return refuse("label.device", `${device} is ${holder.device.owner}'s, not ${owner}'s`);
  }
  const known = identityById(state, owner);
  if (known !== undefined && known.kind !== "owner") {
    return refuse("label.owner", `${owner} is a ${known.kind}`);
  }
  if (known !== undefined && known.owner.party !== party) {
    return refuse("label.owner", `${owner} is a ${known.owner.party}, not a ${party}`);
  }
  if (known !== undefined || party !== "bureau") return undefined;
  const message = `a quorum of members admits bureau ${owner} by its request first; no label does`;
  return refuse("label.bureau", message);
}

const isSame = (a: Label, b: Label): boolean =>
  compareBytes(a.key, b.key) === 0 &&
  a.state === b.state &&
  a.device === b.device &&
  a.owner === b.owner &&
  a.party === b.party &&
  a.until === b.until;
