import { type Device, keyId, type Owner } from "@busbar/protocol";
import type { Identity } from "./registry.ts";
import type { State, StateReader } from "./state/state.ts";
import { connections, devices, keys, type MemberEntry, members, meters, owners } from "./tables.ts";

/** Who has this id. Members, owners and devices share one name space. */
export function identityById(state: StateReader, id: string): Identity | undefined {
  const device = devices.get(state, id);
  if (device !== undefined) return { kind: "device", id, key: device.key, device };
  const owner = owners.get(state, id);
  if (owner !== undefined) return { kind: "owner", id, key: owner.key, owner };
  const member = members.get(state, id);
  return member === undefined ? undefined : { kind: "member", id, key: member.key };
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
  putKey(state, { kind: "owner", id: owner.id, key: owner.key });
}

/** Writes a device with its meters; a key or meter that it had before is no longer its own. */
export function putDevice(state: State, device: Device): void {
  const before = devices.get(state, device.id);
  dropKey(state, before?.key);
  for (const meter of before?.meters ?? []) {
    meters.delete(state, meter.id);
    connections.delete(state, `${device.owner}/${meter.id}`);
  }
  devices.set(state, device.id, device);
  putKey(state, { kind: "device", id: device.id, key: device.key });
  for (const meter of device.meters) {
    meters.set(state, meter.id, { ...meter, device: device.id, owner: device.owner });
    if (meter.role === "connection") {
      connections.set(state, `${device.owner}/${meter.id}`, { meter: meter.id });
    }
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
