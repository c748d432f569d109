import { isDeepStrictEqual } from "node:util";
import { type Claim, compareBytes, encodeMessage } from "@busbar/protocol";
import { deviceStatuses } from "../device-status.ts";
import { type LabelEntry, putLabel } from "../labels.ts";
import { refuse } from "../refuse.ts";
import type { BlockContext, Outcome, TxRule } from "../rule.ts";
import { sha256 } from "../sha256.ts";
import type { StateReader } from "../state/state.ts";
import { devices, members, owners } from "../tables.ts";
import { admitDevice, admitOwner, checkDevice, checkOwner } from "./admission.ts";
import { noteSuspension } from "./device-change.ts";

/**
 * Takes in the unit that shows a label's code: once, in the label's time by the ledger's clock, and only as
 * what the label says. An owner whom the ledger knows stays as it is, whatever key the unit brought along. A
 * unit that takes another's place reads the same meters; it goes on even where the old one was suspended.
 *
 * Codes, in order: `claim.rights`, `claim.used`, `claim.revoked`, `claim.expired`, `claim.version`,
 * `claim.device`, `claim.owner`, `claim.place`, `claim.meters`, then those of `admission.*` for owner and device.
 */
export const claimRule: TxRule<"claim"> = (context, message, signer) => {
  const { state, time, emit } = context;
  if (signer.kind !== "label") {
    return refuse(
      "claim.rights",
      `expected a label's signature, got ${signer.kind} ${signer.id}'s`,
    );
  }
  const { label } = signer;
  const hash = sha256(encodeMessage("claim", message));
  const over = checkTime(label, { hash, state, time, version: message.version });
  if (over !== undefined) return over;
  const refusal = checkFit(state, label, message);
  if (refusal !== undefined) return refusal;
  if (owners.get(state, label.owner) === undefined && message.owner !== undefined) {
    const stopped = checkOwner(state, message.owner);
    if (stopped !== undefined) return stopped;
    admitOwner(context, message.owner);
  }
  const stopped = checkDevice(state, message.device);
  if (stopped !== undefined) return stopped;
  const before = devices.get(state, message.device.id);
  admitDevice(context, message.device);
  const since = before === undefined ? undefined : goOn(context, label);
  putLabel(state, { ...label, claim: hash, usedAt: time, used: 1 });
  const { device, owner, member } = label;
  const about = { label: signer.id, device, owner, by: member };
  if (before === undefined) emit({ type: "device-claimed", ...about });
  else emit({ type: "device-replaced", ...about, ...(since === undefined ? {} : { since }) });
  return { ok: true };
};

function checkTime(
  label: LabelEntry,
  {
    hash,
    state,
    time,
    version,
  }: {
    readonly hash: Uint8Array;
    readonly state: StateReader;
    readonly time: number;
    readonly version: number;
  },
): Outcome | undefined {
  const { claim, used, until } = label;
  if (used === 1) {
    if (claim !== undefined && compareBytes(claim, hash) === 0) return { ok: true, code: "exists" };
    const message = `the label was used at ${label.usedAt} for another unit or key; a member gives it once more`;
    return refuse("claim.used", message);
  }
  if (label.state === "revoked") {
    return refuse("claim.revoked", `member ${label.member} took the label back`);
  }
  // A label is worth as much as who gave it.
  if (members.get(state, label.member)?.state !== "active") {
    return refuse("claim.revoked", `${label.member}, who gave the label, is no member any more`);
  }
  if (until <= time) {
    return refuse("claim.expired", `the label counted before ${until}, and it is ${time} here`);
  }
  if (version === label.version) return undefined;
  const message = `expected a claim by version ${label.version} of the label, got ${version}`;
  return { ...refuse("claim.version", message), expected: label.version };
}

function checkFit(
  state: StateReader,
  label: LabelEntry,
  { device, owner }: Claim,
): Outcome | undefined {
  if (device.id !== label.device || device.owner !== label.owner) {
    return refuse(
      "claim.device",
      `the label is for ${label.device} of ${label.owner}, this is ${device.id} of ${device.owner}`,
    );
  }
  if (owner !== undefined && (owner.id !== label.owner || owner.party !== label.party)) {
    const asked = `${owner.party} ${owner.id}`;
    return refuse("claim.owner", `the label is for ${label.party} ${label.owner}, not ${asked}`);
  }
  if (owner === undefined && owners.get(state, label.owner) === undefined) {
    const message = `the ledger does not know ${label.owner} yet, and the unit brings no owner's key`;
    return refuse("claim.owner", message);
  }
  const before = devices.get(state, device.id);
  if (before === undefined) return undefined;
  if (label.takes === "new") {
    const message = `${device.id} was admitted meanwhile, otherwise than by this label`;
    return refuse("claim.place", message);
  }
  const meters = (list: Claim["device"]["meters"]) =>
    [...list].sort((a, b) => (a.id < b.id ? -1 : 1));
  if (isDeepStrictEqual(meters(before.meters), meters(device.meters))) return undefined;
  const known = before.meters.map(({ id }) => id).join(", ");
  return refuse("claim.meters", `${device.id} reads ${known} on the ledger, each as it is there`);
}

/** Lets the unit in the place go on; since when the one before was suspended, where it was. */
function goOn(context: BlockContext, { device, member }: LabelEntry): number | undefined {
  const { state, time } = context;
  const status = deviceStatuses.get(state, device);
  if (status?.state !== "suspended") return undefined;
  noteSuspension(context, device, status.since);
  // The version stays: what was said of the unit before cannot be said again.
  deviceStatuses.set(state, device, {
    ...status,
    ...{ state: "active", since: time, by: member, byKind: "member" },
  });
  return status.since;
}
