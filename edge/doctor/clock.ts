import type { Evidence } from "../clock/evidence.ts";
import { type Finding, ok, warning } from "./finding.ts";

/** What is known of the machine's time. `boundMs`: the error that the configuration allows. */
export type ClockFacts = {
  readonly evidence: Evidence;
  readonly hasBattery: boolean;
  readonly boundMs: number;
  readonly trusted: boolean;
};

/** Whether readings get a time that can be signed. */
export function clockFinding({ evidence, hasBattery, boundMs, trusted }: ClockFacts): Finding {
  const check = "clock";
  const { synchronised, by } = evidence;
  const battery = hasBattery ? "" : "; no clock chip, so it is wrong after each power cut";
  if (synchronised !== true) {
    const said = synchronised === false ? `not synchronised, says ${by}` : `${by} vouches for it`;
    const message = `${said}${battery}`;
    if (trusted) return ok(check, `${message}; edge.yaml trusts it all the same`);
    const remedy =
      "sudo timedatectl set-ntp true, and let the unit reach a time server; without internet name one in its own network (NTP= in /etc/systemd/timesyncd.conf), or say clock: { kind: system, trust: system }. Readings wait for the time, none is lost";
    return warning(check, message, remedy);
  }
  const bound = evidence.boundMs;
  if (bound !== undefined && bound > boundMs) {
    const remedy =
      "wait some minutes after a start; else take a nearer time server. Readings count as of an informative time meanwhile";
    return warning(check, `by ${by} it may be off by ${Math.round(bound)} ms`, remedy);
  }
  const within = bound === undefined ? "" : `, within ${Math.max(1, Math.round(bound))} ms`;
  return ok(check, `synchronised, says ${by}${within}`);
}
