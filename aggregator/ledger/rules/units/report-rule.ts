import {
  compareBytes,
  type DeviceReport,
  encodeMessage,
  isReleaseTurn,
  type ReleaseResult,
  type ReleaseState,
} from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { BlockContext, TxRule } from "../../rule.ts";
import { sha256 } from "../../sha256.ts";
import { deviceReports, type ReportEntry, releases } from "../../unit-reports.ts";
import { aheadMsMax } from "./ahead.ts";

/**
 * Keeps what a unit says of its program. What it says of the present release is counted, once for each
 * unit whose turn had come; too many that undid or refused it stop the release for all others.
 *
 * Codes, in order: `program.rights`, `program.shape` (release and result come together), `program.time`;
 * for the last report of the unit `exists` (same content), `program.exists-different` or `program.late`.
 */
export const deviceReportRule: TxRule<"device-report"> = (context, message, signer) => {
  const { state, time, height, emit } = context;
  const { device, at, program, release, result, reason } = message;
  if (signer.kind !== "device" || signer.id !== device) {
    return refuse("program.rights", `expected the signature of ${device}, got ${signer.id}'s`);
  }
  if ((release === undefined) !== (result === undefined)) {
    return refuse("program.shape", "a release and what became of it come together");
  }
  if (at > time + aheadMsMax) {
    return refuse("program.time", `the report is of ${at}, which is yet to come at ${time}`);
  }
  const before = deviceReports.get(state, device);
  const hash = sha256(encodeMessage("device-report", message));
  if (before?.at === at) {
    return compareBytes(before.hash, hash) === 0
      ? { ok: true, code: "exists" }
      : refuse("program.exists-different", `the report of ${at} says something else`);
  }
  if (before !== undefined && at < before.at) {
    return refuse("program.late", `expected a report after ${before.at}, got one of ${at}`);
  }
  count(context, message, before);
  // What was said of a release stands until something else is said of one.
  const said = release === undefined ? before : { release, result, reason };
  deviceReports.set(state, device, {
    ...{ at, program, height, hash },
    ...(said?.release === undefined ? {} : { release: said.release }),
    ...(said?.result === undefined ? {} : { result: said.result }),
    ...(said?.reason === undefined ? {} : { reason: said.reason }),
  });
  const { owner } = signer.device;
  const told = { release: release ?? null, result: result ?? null, reason: reason ?? null };
  emit({ type: "unit-reported", device, owner, program, ...told });
  return { ok: true };
};

/** Counts a unit's result of the present release instead of the one that it said before, if it did. */
function count(
  context: BlockContext,
  { device, release, result }: DeviceReport,
  before: ReportEntry | undefined,
): void {
  const { state, chain, time, emit } = context;
  const current = releases.get(state, "current");
  if (current === undefined || result === undefined || release !== current.release.number) return;
  if (!isReleaseTurn(current, { chain, device, time })) return;
  const taken = before?.release === release ? without(current, before?.result) : current;
  const next = withOne(taken, result);
  const isOver = next.failed > next.release.failuresMax && next.stopped === undefined;
  releases.set(state, "current", isOver ? { ...next, stopped: "failures" } : next);
  if (isOver) emit({ type: "release-stopped", number: release, reason: "failures" });
}

const withOne = (state: ReleaseState, result: ReleaseResult): ReleaseState =>
  result === "kept" ? { ...state, kept: state.kept + 1 } : { ...state, failed: state.failed + 1 };

/** A unit's earlier word may be from before its turn, and then was never counted: nothing goes below 0. */
function without(state: ReleaseState, result: ReleaseResult | undefined): ReleaseState {
  if (result === undefined) return state;
  return result === "kept"
    ? { ...state, kept: Math.max(0, state.kept - 1) }
    : { ...state, failed: Math.max(0, state.failed - 1) };
}
