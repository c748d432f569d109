import { compareBytes, type DeviceChange, encodeMessage } from "@busbar/protocol";
import { type DeviceStatus, deviceStatuses } from "../device-status.ts";
import { refuse } from "../refuse.ts";
import type { Identity } from "../registry.ts";
import type { BlockContext, Outcome, TxRule } from "../rule.ts";
import { sha256 } from "../sha256.ts";
import { devices } from "../tables.ts";
import { boundaryKeepMs } from "./boundaries.ts";
import { suspendedSlots } from "./completeness.ts";

/**
 * Suspends a unit or lets it go on. What a suspended unit signs is refused as `tx.suspended` and stays
 * at the unit; its meters' chains go on from there when it is resumed, with all it read meanwhile.
 *
 * Codes, in order: `device.unknown`, `device.rights`; for the last change of the unit `exists` (same
 * content) or `device.exists-different`; `device.version`, `device.state` (it is so already).
 */
export const deviceChangeRule: TxRule<"device-change"> = (context, message, signer) => {
  const { state, time, emit } = context;
  const { by, device, change, reason, version } = message;
  const before = deviceStatuses.get(state, device);
  const hash = sha256(encodeMessage("device-change", message));
  const byKind = signer.kind === "member" ? "member" : "owner";
  const refusal =
    checkRights(context, message, { signer, before }) ??
    checkVersion(message, { hash, before }) ??
    checkState(message, before);
  if (refusal !== undefined) return refusal;
  const suspends = change === "suspend";
  if (!suspends && before !== undefined) noteSuspension(context, device, before.since);
  deviceStatuses.set(state, device, {
    state: suspends ? "suspended" : "active",
    since: time,
    by,
    byKind,
    version,
    hash,
  });
  const type = suspends ? "device-suspended" : "device-resumed";
  emit({ type, device, owner: devices.get(state, device)?.owner ?? "", by, reason });
  return { ok: true };
};

/** An owner suspends its own units and resumes what it suspended itself; a member does both. */
function checkRights(
  { state }: BlockContext,
  { by, device, change }: DeviceChange,
  { signer, before }: { readonly signer: Identity; readonly before: DeviceStatus | undefined },
): Outcome | undefined {
  const known = devices.get(state, device);
  if (known === undefined) return refuse("device.unknown", `no unit ${device} is admitted`);
  const isOwner = signer.kind === "owner" && known.owner === by;
  if (signer.id !== by || !(signer.kind === "member" || isOwner)) {
    return refuse(
      "device.rights",
      `expected the signature of ${by}, a member or the owner of ${device}; got ${signer.kind} ${signer.id}'s`,
    );
  }
  if (!isOwner || change === "suspend" || before?.byKind !== "member") return undefined;
  return refuse("device.rights", `member ${before.by} suspended ${device}; a member resumes it`);
}

function checkVersion(
  message: DeviceChange,
  { hash, before }: { readonly hash: Uint8Array; readonly before: DeviceStatus | undefined },
): Outcome | undefined {
  const { device, version } = message;
  if (before !== undefined && before.version === version) {
    return compareBytes(before.hash, hash) === 0
      ? { ok: true, code: "exists" }
      : refuse("device.exists-different", `change ${version} of ${device} says something else`);
  }
  const next = (before?.version ?? 0) + 1;
  if (version === next) return undefined;
  return refuse("device.version", `expected change ${next} of ${device}, got ${version}`);
}

function checkState(
  { device, change }: DeviceChange,
  before: DeviceStatus | undefined,
): Outcome | undefined {
  const suspended = before?.state === "suspended";
  if (suspended !== (change === "suspend")) return undefined;
  return refuse("device.state", `${device} is ${suspended ? "suspended" : "active"} already`);
}

/** Why nothing is known of the slots of that time, until its readings come. */
export function noteSuspension(
  { state, time, parameters }: BlockContext,
  device: string,
  from: number,
): void {
  const slotMs = parameters.slotMinutes * 60_000;
  for (const { id } of devices.get(state, device)?.meters ?? []) {
    suspendedSlots(state, { meter: id, slotMs }, { from, to: time, since: time - boundaryKeepMs });
  }
}
