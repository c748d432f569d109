import { type Device, keyId, type Owner, type UtcMs } from "@busbar/protocol";
import { labelEntries } from "./labels.ts";
import { parametersTable } from "./parameters.ts";
import type { Identity } from "./registry.ts";
import type { State, StateReader } from "./state/state.ts";
import {
  bureaus,
  connections,
  devices,
  keys,
  type MemberEntry,
  type MeterEntry,
  members,
  meters,
  owners,
} from "./tables.ts";

/** How long a meter that was taken out is still settled with, and its readings taken: as long as
 * boundaries are kept. */
export const retiredKeepMs = 62 * 86_400_000;

/** Who has this id. Members, owners, devices and labels share one name space. */
export function identityById(state: StateReader, id: string): Identity | undefined {
  const device = devices.get(state, id);
  if (device !== undefined) return { kind: "device", id, key: device.key, device };
  const owner = owners.get(state, id);
  if (owner !== undefined) return { kind: "owner", id, key: owner.key, owner };
  const member = members.get(state, id);
  if (member !== undefined) return { kind: "member", id, key: member.key };
  const label = labelEntries.get(state, id);
  return label === undefined ? undefined : { kind: "label", id, key: label.key, label };
}

/** Whether an identity may act: a member that was suspended or has left may not. */
export function isActive(state: StateReader, { kind, id }: Identity): boolean {
  return kind !== "member" || members.get(state, id)?.state === "active";
}

/** Whose key this is. */
export function identityByKeyId(state: StateReader, kid: Uint8Array): Identity | undefined {
  const entry = keys.get(state, hex(kid));
  return entry === undefined ? undefined : identityById(state, entry.id);
}

/** Writes a member. Its key is its own while it is active, and nobody's else. */
export function putMember(state: State, member: MemberEntry): void {
  const before = members.get(state, member.id);
  if (before?.state === "active") dropKey(state, before.key);
  members.set(state, member.id, member);
  if (member.state !== "active") return;
  putKey(state, { kind: "member", id: member.id, key: member.key });
}

/** Writes an owner; a key that it had before is nobody's from now on. */
export function putOwner(state: State, owner: Owner): void {
  dropKey(state, owners.get(state, owner.id)?.key);
  owners.set(state, owner.id, owner);
  if (owner.party === "bureau") bureaus.set(state, owner.id, { owner: owner.id });
  putKey(state, { kind: "owner", id: owner.id, key: owner.key });
}

/**
 * Writes a device with its meters; a key that it had before is nobody's from now on. A meter that it
 * reads no more counts until now and stays known, so that its last readings still come in; the same
 * meter at another device of its owner goes on as if nothing had been, where it was out for a part of one slot at most;
 * else it counts from now on, and for the time before as it did. `time`: now; undefined at
 * genesis, where meters count from the first slot on.
 */
export function putDevice(state: State, device: Device, time: UtcMs | undefined): void {
  const before = devices.get(state, device.id);
  dropKey(state, before?.key);
  for (const { id } of before?.meters ?? []) {
    if (!device.meters.some((meter) => meter.id === id)) retire(state, id, time);
  }
  devices.set(state, device.id, device);
  putKey(state, { kind: "device", id: device.id, key: device.key });
  for (const meter of device.meters) {
    meters.set(state, meter.id, { ...meter, device: device.id, owner: device.owner });
    connect(state, { ...meter, owner: device.owner }, time);
  }
}

function retire(state: State, id: string, time: UtcMs | undefined): void {
  const meter = meters.get(state, id);
  if (meter === undefined || time === undefined) return;
  meters.set(state, id, { ...meter, until: time });
  disconnect(state, meter, time);
}

function connect(
  state: State,
  { id, owner, role }: Pick<MeterEntry, "id" | "owner" | "role">,
  time: UtcMs | undefined,
): void {
  const place = `${owner}/${id}`;
  if (role !== "connection") {
    if (time !== undefined) disconnect(state, { id, owner }, time);
    return;
  }
  const known = connections.get(state, place);
  const wasOut = known?.until !== undefined && !isSameSlot(state, known.until, time);
  if (wasOut) connections.set(state, `${place}/${known.until}`, known);
  const from = known === undefined || wasOut ? time : known.from;
  connections.set(state, place, { meter: id, ...(from === undefined ? {} : { from }) });
}

/** Whether a meter was out for a part of one slot alone: that is not settled yet, so it goes on as if nothing had been. */
function isSameSlot(state: StateReader, until: number, time: UtcMs | undefined): boolean {
  const lengthMs = (parametersTable.get(state, "current")?.slotMinutes ?? 1) * 60_000;
  return time !== undefined && Math.floor(until / lengthMs) === Math.floor(time / lengthMs);
}

/** Slots of before are settled with it; after two months it is of no use any more. */
function disconnect(
  state: State,
  { id, owner }: Pick<MeterEntry, "id" | "owner">,
  time: UtcMs,
): void {
  const place = `${owner}/${id}`;
  const known = connections.get(state, place);
  if (known !== undefined) connections.set(state, place, { until: time, ...known });
  for (const [old, { until }] of [...connections.scan(state, `${owner}/`)]) {
    if (until !== undefined && until < time - retiredKeepMs) connections.delete(state, old);
  }
}

function putKey(
  state: State,
  { kind, id, key }: { kind: Identity["kind"]; id: string; key: Uint8Array },
): void {
  keys.set(state, hex(keyId(key)), { kind, id });
}

function dropKey(state: State, key: Uint8Array | undefined): void {
  if (key !== undefined) keys.delete(state, hex(keyId(key)));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
