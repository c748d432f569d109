import {
  type Admission,
  compareBytes,
  type Device,
  encodeMessage,
  keyId,
  type Owner,
  reservedIds,
  type UtcMs,
} from "@busbar/protocol";
import { openAccounts } from "../accounts.ts";
import { identityById, identityByKeyId, putDevice, putOwner } from "../identities.ts";
import { refuse } from "../refuse.ts";
import type { BlockContext, BlockRule, Outcome, TxRule } from "../rule.ts";
import { sha256 } from "../sha256.ts";
import type { StateReader } from "../state/state.ts";
import { admissionExpiries, admissions, devices, meters, owners } from "../tables.ts";
import { needsQuorum, voteForBureau } from "./bureau-vote.ts";
import { instantKey } from "./members/tables.ts";

/** How long an admission may count: what the ledger has to remember its nonce for. */
const untilMsMax = 31 * 86_400_000;

/**
 * Takes owners and devices that a member admits. An id that is known is replaced (a new key, a new
 * box, other meters) as long as it stays what it was and whose it was. A bureau, or its other keys, are taken
 * once a quorum has admitted it so; until then an admission is a vote for it, and its units wait with it.
 *
 * Codes, in order: `admission.rights`, `admission.exists-different`, `admission.expired`,
 * `admission.until`, then for each owner and device
 * `admission.id-taken`, `admission.id-reserved`, `admission.party-changed`, `admission.bureau`, `admission.owner-unknown`,
 * `admission.owner-changed`, `admission.key-taken`, `admission.meter-taken`, `admission.meter-owner`.
 */
export const admissionRule: TxRule<"admission"> = (context, message, signer) => {
  const { state } = context;
  if (signer.kind !== "member" || signer.id !== message.member) {
    return refuse(
      "admission.rights",
      `expected the signature of member ${message.member}, got ${signer.kind} ${signer.id}'s`,
    );
  }
  const known = existing(state, message);
  if (known !== undefined) return known;
  const late = checkUntil(context, message);
  if (late !== undefined) return late;
  const waiting = new Set<string>();
  for (const owner of message.owners) {
    const refusal = checkOwner(state, owner);
    if (refusal !== undefined) return refusal;
    if (needsQuorum(state, owner)) {
      const vote = voteForBureau(context, owner, message.member);
      if (!vote.ok) return vote;
      if (!vote.decided) {
        waiting.add(owner.id);
        continue;
      }
    }
    admitOwner(context, owner);
  }
  for (const device of message.devices) {
    // Whoever admits the bureau last admits its units with it.
    if (waiting.has(device.owner)) continue;
    const refusal = checkDevice(state, device);
    if (refusal !== undefined) return refusal;
    admitDevice(context, device);
  }
  const digest = digestOf(message);
  const nonce = nonceId(message);
  admissions.set(state, nonce, { hash: digest, height: context.height });
  if (message.until !== undefined) {
    admissionExpiries.set(state, `${instantKey(message.until)}/${nonce}`, { admission: nonce });
  }
  return { ok: true };
};

/** Forgets nonces of admissions that are refused by their time. Those without one are known for ever. */
export const admissionExpiryRule: BlockRule = {
  name: "admission-expiry",
  // It can wait for the next block that anything else wants.
  due: () => false,
  run({ state, time }) {
    const over: (readonly [key: string, admission: string])[] = [];
    for (const [key, { admission }] of admissionExpiries.scan(state)) {
      if (key >= instantKey(time + 1)) break;
      over.push([key, admission]);
    }
    for (const [key, admission] of over) {
      admissionExpiries.delete(state, key);
      admissions.delete(state, admission);
    }
  },
};

function checkUntil({ time }: BlockContext, { until }: Admission): Outcome | undefined {
  if (until === undefined) return undefined;
  if (until <= time) {
    return refuse("admission.expired", `it counted before ${until}, and it is ${time} here`);
  }
  if (until - time <= untilMsMax) return undefined;
  return refuse("admission.until", `it would count for more than 31 days; give an earlier until`);
}

/** Writes an owner and opens its accounts: also what genesis does. */
export function admitOwner({ state, emit }: Pick<BlockContext, "state" | "emit">, owner: Owner) {
  putOwner(state, owner);
  openAccounts(state, owner.id);
  emit({ type: "owner-admitted", owner: owner.id, party: owner.party });
}

/** Writes a device and its meters: also what genesis does. */
export function admitDevice(
  { state, emit, time }: Pick<BlockContext, "state" | "emit"> & { readonly time?: UtcMs },
  device: Device,
) {
  putDevice(state, device, time);
  const { id, owner } = device;
  emit({
    type: "device-admitted",
    device: id,
    owner,
    meters: device.meters.map((meter) => meter.id),
  });
}

function existing(state: StateReader, message: Admission): Outcome | undefined {
  const before = admissions.get(state, nonceId(message));
  if (before === undefined) return undefined;
  if (compareBytes(before.hash, digestOf(message)) === 0) return { ok: true, code: "exists" };
  return refuse("admission.exists-different", "the nonce was used for another admission");
}

/** Why an owner may not be written; undefined when it may. */
export function checkOwner(state: StateReader, owner: Owner) {
  const holder = identityById(state, owner.id);
  if (holder !== undefined && holder.kind !== "owner") {
    return refuse("admission.id-taken", `${owner.id} is a ${holder.kind}`);
  }
  const before = owners.get(state, owner.id);
  if (before !== undefined && before.party !== owner.party) {
    return refuse(
      "admission.party-changed",
      `${owner.id} is a ${before.party}, not a ${owner.party}`,
    );
  }
  return checkKey(state, owner);
}

/** Why a device may not be written; undefined when it may. */
export function checkDevice(state: StateReader, device: Device) {
  const holder = identityById(state, device.id);
  if (holder !== undefined && holder.kind !== "device") {
    return refuse("admission.id-taken", `${device.id} is a ${holder.kind}`);
  }
  if (reservedIds.has(device.id)) {
    return refuse(
      "admission.id-reserved",
      `${device.id} is a topic's name; call the device otherwise`,
    );
  }
  if (owners.get(state, device.owner) === undefined) {
    return refuse(
      "admission.owner-unknown",
      `admit ${device.owner} before its device ${device.id}`,
    );
  }
  const before = devices.get(state, device.id);
  if (before !== undefined && before.owner !== device.owner) {
    return refuse("admission.owner-changed", `${device.id} belongs to ${before.owner}`);
  }
  return checkKey(state, device) ?? checkMeters(state, device);
}

/** One key, one identity: else a signature could be read as another party's. */
function checkKey(state: StateReader, { id, key }: { id: string; key: Uint8Array }) {
  const user = identityByKeyId(state, keyId(key));
  if (user === undefined || user.id === id) return undefined;
  return refuse("admission.key-taken", `the key of ${id} is that of ${user.kind} ${user.id}`);
}

function checkMeters(state: StateReader, device: Device) {
  const names = new Set<string>();
  for (const { id } of device.meters) {
    const known = meters.get(state, id);
    const reader = known?.until === undefined ? known?.device : undefined;
    if (names.has(id) || (reader !== undefined && reader !== device.id)) {
      return refuse(
        "admission.meter-taken",
        `meter ${id} is read by ${reader ?? device.id} already`,
      );
    }
    if (known !== undefined && known.owner !== device.owner) {
      return refuse(
        "admission.meter-owner",
        `the record of meter ${id} is ${known.owner}'s; give it a new id at ${device.owner}`,
      );
    }
    names.add(id);
  }
  return undefined;
}

function nonceId({ member, nonce }: Admission): string {
  return `${member}/${Buffer.from(nonce).toString("hex")}`;
}

function digestOf(message: Admission): Uint8Array {
  return sha256(encodeMessage("admission", message));
}
