import { type Correction, compareBytes, encodeMessage } from "@busbar/protocol";
import { corrections, meterSlotId } from "../../corrections.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext, Outcome, TxRule } from "../../rule.ts";
import { slotKey } from "../../settlements.ts";
import { sha256 } from "../../sha256.ts";
import { meters } from "../../tables.ts";
import { boundaryKeepMs } from "../boundaries.ts";
import { slots } from "../market/tables.ts";
import { timetable } from "../market/timetable.ts";
import { caseId, caseMs, openCase } from "./cases.ts";
import { cases } from "./tables.ts";

/** 100 MW is far above any meter of a microgrid. */
const plausibleW = 100_000_000;

/**
 * How long after its end a slot can be corrected: decided or lapsed before the slot is forgotten, which
 * is when the one 62 days later is cleared, up to two days before that begins.
 */
export const correctionMsMax = boundaryKeepMs - caseMs - 3 * 86_400_000;

/**
 * Takes a member's correction of a meter's slot as a case for the voting members.
 *
 * Codes, in order: `correction.rights`, `correction.meter-unknown`; for the version that was laid
 * before them last `exists` (same content) or `correction.exists-different`; `correction.version`,
 * `correction.pending`, `correction.slot`, `correction.too-much`.
 */
export const correctionRule: TxRule<"correction"> = (context, message, signer) => {
  const { state } = context;
  if (signer.kind !== "member" || signer.id !== message.member) {
    return refuse(
      "correction.rights",
      `expected the signature of member ${message.member}, got ${signer.kind} ${signer.id}'s`,
    );
  }
  const { meter, slot, version } = message;
  if (meters.get(state, meter) === undefined) {
    return refuse("correction.meter-unknown", `no meter ${meter} is admitted`);
  }
  const motion = sha256(encodeMessage("correction", message));
  const refusal = checkVersion(context, message, motion) ?? checkContent(context, message);
  if (refusal !== undefined) return refusal;
  corrections.set(state, meterSlotId(slot, meter), { version, motion });
  openCase(context, motion, { slot, by: message.member, correction: message });
  return { ok: true };
};

function checkVersion(
  { state }: BlockContext,
  { meter, slot, version }: Correction,
  motion: Uint8Array,
): Outcome | undefined {
  const last = corrections.get(state, meterSlotId(slot, meter));
  if (last !== undefined && last.version === version) {
    if (compareBytes(last.motion, motion) === 0) return { ok: true, code: "exists" };
    const message = `correction ${version} of ${meter} in slot ${slot} says something else`;
    return refuse("correction.exists-different", message);
  }
  const next = (last?.version ?? 0) + 1;
  if (version !== next) {
    return refuse("correction.version", `expected correction ${next} of this slot, got ${version}`);
  }
  const before = last === undefined ? undefined : cases.get(state, caseId(slot, last.motion));
  if (before?.outcome !== "open") return undefined;
  return refuse("correction.pending", `correction ${version - 1} of this slot is not decided yet`);
}

function checkContent(
  { state, time, parameters }: BlockContext,
  { slot, importWh, exportWh }: Correction,
): Outcome | undefined {
  // Known first: what is no slot may lie beyond the end of time.
  const known = slots.get(state, slotKey(slot)) !== undefined;
  const end = known ? timetable(slot, parameters).end : 0;
  if (!known || end > time || time > end + correctionMsMax) {
    return refuse(
      "correction.slot",
      `expected the start of a slot that ended within the last ${correctionMsMax / 86_400_000} days, got ${slot}`,
    );
  }
  const most = Math.floor((plausibleW * (end - slot)) / 3_600_000);
  if (importWh <= most && exportWh <= most) return undefined;
  return refuse(
    "correction.too-much",
    `expected at most ${most} Wh in a slot, got ${importWh}/${exportWh}`,
  );
}
