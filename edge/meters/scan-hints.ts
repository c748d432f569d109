import type { BusCounters } from "../framing/bus-counters.ts";

/** What a scan saw on one bus, all its speeds together. */
export type LineSeen = Pick<
  BusCounters,
  "requests" | "replies" | "exceptions" | "echoes" | "noiseBytes" | "foreign" | "late" | "babble"
>;

/** Counts of both. */
export function addSeen(a: LineSeen, b: Readonly<LineSeen>): LineSeen {
  return {
    requests: a.requests + b.requests,
    replies: a.replies + b.replies,
    exceptions: a.exceptions + b.exceptions,
    echoes: a.echoes + b.echoes,
    noiseBytes: a.noiseBytes + b.noiseBytes,
    foreign: a.foreign + b.foreign,
    late: a.late + b.late,
    babble: a.babble + b.babble,
  };
}

/** What the line itself tells an installer, as sentences: what was seen, and what to look at. */
export function lineHints(seen: LineSeen, { serial }: { readonly serial: boolean }): string[] {
  const hints: string[] = [];
  const answers = seen.replies + seen.exceptions;
  if (seen.foreign > 0) {
    hints.push(
      "another master asks on this bus (a logger, an inverter): only one may; take it off",
    );
  }
  if (seen.echoes > 0 && answers === 0) {
    hints.push(
      "the adapter hears its own requests and no answer: it works; look at the wires to the meter",
    );
  }
  if (seen.late > 0) hints.push("answers came late: something on the way is slow");
  if (seen.noiseBytes > 0 && answers === 0) {
    hints.push(
      `${seen.noiseBytes} bytes came that are no Modbus answer: another speed or parity (--thorough), wires A and B swapped, a missing termination or common wire, or a meter that speaks another protocol`,
    );
  } else if (seen.noiseBytes > answers) {
    hints.push(
      `${seen.noiseBytes} stray bytes between the answers: look at termination, bias and the common wire`,
    );
  }
  if (seen.babble > 0) hints.push("the line does not fall silent: wires A and B may be swapped");
  if (serial && hints.length === 0 && answers === 0) {
    hints.push(
      "no byte came: check the meter's power, wires A and B (swapping them harms nothing), and the unit ids asked (--units 1-247)",
    );
  }
  return hints;
}
