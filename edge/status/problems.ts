import { claimRemedy, untilText } from "../claim/claim-status.ts";
import { damageRemedy } from "../journal/database.ts";
import { refusalRemedy } from "./refusal-remedy.ts";
import type { Status } from "./status.ts";

/** Something that is not well now. `subject`: a meter's id, or the part of the unit. */
export type Problem = {
  readonly state: "warning" | "fault";
  readonly subject: string;
  readonly message: string;
  readonly remedy: string;
};

/** With less the unit soon records billing registers only. */
const freeBytesMin = 256 * 1024 * 1024;
/** A meter fails now and then on any bus; so often in a row it is a fault. */
const failuresMax = 3;

/** All that is not well with a running unit, faults first. */
export function problemsOf(status: Status): readonly Problem[] {
  const all = [
    ...status.meters.flatMap(meterProblems),
    ...claimProblems(status),
    ...linkProblems(status),
    ...journalProblems(status),
    ...clockProblems(status),
    ...noteProblems(status),
  ];
  return all.sort((a, b) => Number(a.state === "warning") - Number(b.state === "warning"));
}

function meterProblems(meter: Status["meters"][number]): Problem[] {
  const { id: subject, error, failuresInRow, unknown } = meter;
  if (error !== undefined) {
    const state = failuresInRow < failuresMax && meter.readings > 0 ? "warning" : "fault";
    const remedy = `busbar-edge doctor looks closer; the unit asks again by itself (${failuresInRow} times so far)`;
    return [{ state, subject, message: error, remedy }];
  }
  if (unknown.length === 0) return [];
  const some = unknown.slice(0, 3).join(", ");
  const more = unknown.length > 3 ? ` and ${unknown.length - 3} more` : "";
  const remedy = "nothing, where this meter does not have them; else check its profile";
  // Optional rows are missing on many meters: worth a look, not a warning for ever.
  if (meter.values.length > 0) return [];
  return [{ state: "warning", subject, message: `does not know ${some}${more}`, remedy }];
}

/** What a unit that is to be taken in by its label waits for. */
function claimProblems({ claim }: Status): Problem[] {
  const subject = "label";
  switch (claim?.state) {
    case "code": {
      const message = "waits for the code on the unit's label; readings are recorded meanwhile";
      const remedy =
        "scan the label with a phone in this network, or open /claim on this page's address and type its code";
      return [{ state: "warning", subject, message, remedy }];
    }
    case "asking": {
      const message = `the code is taken; not on the ledger yet: ${claim.problem ?? "it was asked"}${untilText(claim.until)}`;
      const remedy =
        "nothing, where the network is still to come: the unit asks by itself, for as long as the label counts";
      return [{ state: "warning", subject, message, remedy }];
    }
    case "refused": {
      const message = `${claim.message} [${claim.code}]`;
      const remedy = `${claimRemedy(claim.code)}. The unit asks again every few minutes`;
      return [{ state: "fault", subject, message, remedy }];
    }
    default:
      return [];
  }
}

/** Whether a label explains why the brokers do not know the unit. */
const isClaiming = ({ claim }: Status): boolean =>
  claim !== undefined && claim.state !== "admitted";

function linkProblems(status: Status): Problem[] {
  const { link, journal } = status;
  if (link === undefined) {
    const message = "no membership file yet: readings are recorded and wait";
    const remedy =
      "busbar-edge enrol makes the request; put the member's membership.json in its place";
    return [{ state: "warning", subject: "membership", message, remedy }];
  }
  const found: Problem[] = [];
  if (link.problem !== undefined && !(link.problem.code === "link.login" && isClaiming(status))) {
    const { message, remedy } = link.problem;
    const state = link.connected ? "warning" : "fault";
    found.push({ state, subject: link.broker ?? "broker", message, remedy });
  }
  const said = new Set(link.blocked.map(({ lane }) => lane));
  for (const { lane, code, message } of link.blocked) {
    const remedy = `nothing is lost; ${refusalRemedy(code)}`;
    found.push({ state: "fault", subject: lane, message: `${message} [${code}]`, remedy });
  }
  for (const { meter, code } of journal.meters) {
    if (code === undefined || said.has(meter)) continue;
    const message = `the ledger refuses its readings [${code}]`;
    const remedy = `nothing is lost; ${refusalRemedy(code)}`;
    found.push({ state: "fault", subject: meter, message, remedy });
  }
  return found;
}

function journalProblems({ disk, counts }: Status): Problem[] {
  const subject = "disk";
  const failed = (counts["journal.append-failed"] ?? 0) + (counts["journal.write-failed"] ?? 0);
  const found: Problem[] = [];
  if (disk.freeBytes < freeBytesMin) {
    const message = `${Math.floor(disk.freeBytes / 1024 / 1024)} MB free`;
    const remedy =
      "free some space, or lower retention.megabytes; below 64 MB only billing registers are kept";
    found.push({ state: "fault", subject, message, remedy });
  }
  if (disk.state === "full" || disk.state === "failed") {
    const message = `no reading can be stored: ${disk.reason ?? disk.state}; ${disk.lost} lost so far`;
    const remedy =
      disk.state === "full"
        ? "free some space; the unit goes on by itself"
        : disk.damaged
          ? damageRemedy
          : "look at the disk, its cable and how it is mounted; the unit goes on by itself";
    found.push({ state: "fault", subject, message, remedy });
  } else if (disk.lost > 0) {
    const message = `${disk.lost} readings could not be stored since the start`;
    const remedy = "each meter's gap stands in the journal; nothing else is to be done";
    found.push({ state: "warning", subject, message, remedy });
  } else if (failed > 0) {
    const message = `the journal could not be written ${failed} times since the start`;
    const remedy = "busbar-edge doctor looks at the disk; a worn SD card is replaced best at once";
    found.push({ state: "warning", subject, message, remedy });
  }
  return found;
}

function noteProblems({ note }: Status): Problem[] {
  return note === undefined ? [] : [{ state: "warning", subject: "system", ...note }];
}

function clockProblems({ clock, counts }: Status): Problem[] {
  const subject = "clock";
  if (!clock.known) {
    const message = `the time is not known yet (${clock.by}): ${clock.held} readings wait for it, none is lost`;
    const remedy =
      "let the unit reach a time server (sudo timedatectl set-ntp true), in its own network where there is no internet, give it a clock chip, or say clock: { kind: system, trust: system }";
    return [{ state: "warning", subject, message, remedy }];
  }
  const set = counts["clock.backward"] ?? 0;
  if (set === 0) return [];
  const message = `was set back: ${set} readings are marked doubtful`;
  return [{ state: "warning", subject, message, remedy: "nothing, unless it happens again" }];
}
