import {
  bytes,
  field,
  id,
  instant,
  int,
  oneOf,
  record,
  type TypeOf,
} from "@busbar/protocol/schema";
import type { StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const deviceStatus = record("device-status", {
  state: field(1, oneOf("active", "suspended")),
  /** Since when it is so, and who made it so: a member, or the unit's owner. */
  since: field(2, instant),
  by: field(3, id),
  byKind: field(4, oneOf("member", "owner")),
  /** The last change: its number, and SHA-256 of its payload. */
  version: field(5, int(1, Number.MAX_SAFE_INTEGER)),
  hash: field(6, bytes(32)),
});

/** `device-status/<device>`: a unit without one is active, and always was. */
export const deviceStatuses = table("device-status", deviceStatus);
export type DeviceStatus = TypeOf<typeof deviceStatus>;

/** Since when a unit is suspended; undefined for one that is not. */
export function suspendedSince(state: StateReader, device: string): number | undefined {
  const status = deviceStatuses.get(state, device);
  return status?.state === "suspended" ? status.since : undefined;
}
