import { type ReadTime, readBounds } from "../status/read-times.ts";
import type { Status } from "../status/status.ts";
import { type Finding, fault, ok, warning } from "./finding.ts";

/** What reading a meter a few times brought; times in seconds, of reads that were answered. */
export type MeterFacts = {
  readonly check: string;
  readonly seconds: readonly number[];
  readonly asked: number;
  readonly serial: string | undefined;
  readonly values: number;
  readonly error: { readonly message: string; readonly remedies: readonly string[] } | undefined;
};

const slowSeconds = 2.5;

/** Whether a meter answers, as the kind it is said to be, and how fast. */
export function meterFinding({
  check,
  seconds,
  asked,
  serial,
  values,
  error,
}: MeterFacts): Finding {
  if (error !== undefined) {
    const [first = "busbar-edge scan looks what is there", ...more] = error.remedies;
    const some = seconds.length === 0 ? "" : ` (${seconds.length} of ${asked} reads went well)`;
    return fault(check, error.message + some, [first, ...more].join("; "));
  }
  const who = serial === undefined ? "answers" : `serial ${serial} answers`;
  const [low, high] = [Math.min(...seconds), Math.max(...seconds)];
  const message = `${who} with ${values} values in ${millis(low)} to ${millis(high)}`;
  if (high <= slowSeconds) return ok(check, message);
  const remedy = "check baud rate, cable and termination; a slow bus reads each meter less often";
  return warning(check, message, remedy);
}

/** The same of a meter that a running unit reads: it is asked nothing by anybody else. */
export function watchedMeter(meter: Status["meters"][number]): Finding {
  const { id, serial, error, failuresInRow, readings, failures, readTime } = meter;
  const check = `meter ${id}`;
  if (error !== undefined) {
    const remedy = `the unit asks again by itself (${failuresInRow} times so far); see its port's findings, and busbar-edge read ${id} --raw once the unit is stopped`;
    return fault(check, error, remedy);
  }
  const times = readTime === undefined ? "" : `; ${histogramText(readTime)}`;
  const who = serial === undefined ? "" : `serial ${serial}, `;
  const message = `${who}${readings} readings, ${failures} failures since the unit's start${times}`;
  const shaky = readings > 0 && failures > readings / 20 && failures > 3;
  if (!shaky) return ok(check, message);
  const remedy =
    "one in twenty or more fails: check A and B, termination at both ends, the common wire, and other masters on the bus";
  return warning(check, message, remedy);
}

/** "60 in ≤0.5 s, 1 in ≤10 s": the classes that hold something. */
export function histogramText({ classes }: Pick<ReadTime, "classes">): string {
  return classes
    .flatMap((count, i) => {
      if (count === 0) return [];
      const bound = readBounds[i];
      return [`${count} in ${bound === undefined ? `>${readBounds.at(-1)}` : `≤${bound}`} s`];
    })
    .join(", ");
}

const millis = (seconds: number) => `${Math.round(seconds * 1000)} ms`;
