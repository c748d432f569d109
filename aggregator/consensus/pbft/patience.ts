import { attendedMs, likelyMs } from "./pace.ts";
import type { Replica } from "./state.ts";

/** How long (ms) this view may go without a block: what one takes here, and a leader's own time. */
export function patienceMs(replica: Replica): number {
  return doubled(replica.timing.requestMs + likelyMs(replica.pace, replica.timing), replica);
}

/** By how much (ms) a request may be overtaken by later ones before it is being held back. */
export function censorMs(replica: Replica): number {
  return doubled(replica.timing.censorMs + 4 * likelyMs(replica.pace, replica.timing), replica);
}

/** Ms since a moment, as far as this process ran. */
export function passedSince({ standstills, ports }: Replica, since: number): number {
  return attendedMs(standstills, { since, now: ports.clock.now() });
}

/** Doubled for each view in a row that failed. */
function doubled(ms: number, { failures, timing }: Replica): number {
  return Math.min(ms * 2 ** Math.min(failures, 30), timing.requestMsMax);
}
