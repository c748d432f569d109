import { flowError } from "../nodes/link/errors.ts";
import { isObject } from "../nodes/link/json.ts";

/** Something that a site or a meter said on a recorded day. `at`: site ms. */
export type DayEvent =
  | { readonly at: number; readonly topic: string; readonly payload: Buffer }
  /** What a meter node of that name sent, where the flow reads the meter itself. */
  | { readonly at: number; readonly node: string; readonly msg: Readonly<Record<string, unknown>> };

/** A day of ten meters and a second's rhythm. */
const eventsMax = 1_000_000;
/** The last ms of the year 9999, ms: what is later is no time of a day. */
const atMax = 253_402_300_799_999;

/**
 * A recorded day: one JSON object a line, `{"at", "topic", "payload"}` with a payload as JSON, or
 * `"base64"` in its place, or `{"at", "node", "msg"}`; in the order of time.
 * Throws: `Failure` `flows.day-file` with the line.
 */
export function parseDay(file: string, text: string): readonly DayEvent[] {
  const lines = text.split("\n");
  if (lines.length > eventsMax) {
    throw flowError("flows.day-file", `${file}: expected at most ${eventsMax} lines`);
  }
  let last = 0;
  const events = lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    const event = eventIn(line);
    if (event === undefined) {
      const expected =
        '{"at": ms, "topic": "…", "payload": …} or {"at": ms, "node": "…", "msg": {…}}';
      throw flowError("flows.day-file", `${file}:${i + 1}: expected ${expected}`);
    }
    if (event.at < last) {
      throw flowError("flows.day-file", `${file}:${i + 1}: expected a time after the line before`);
    }
    last = event.at;
    return [event];
  });
  if (events.length > 0) return events;
  throw flowError("flows.day-file", `${file}: expected a recorded day, got an empty file`);
}

/** Days that were written down by several, as one in the order of time. */
export function mergedDays(days: readonly (readonly DayEvent[])[]): readonly DayEvent[] {
  return days.flat().sort((a, b) => a.at - b.at);
}

function eventIn(line: string): DayEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Told with the line's number by the caller.
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { at, topic, payload, base64, node, msg } = value;
  if (typeof at !== "number" || !(at >= 0 && at <= atMax)) return undefined;
  if (typeof node === "string" && isObject(msg)) return { at, node, msg };
  if (typeof topic !== "string") return undefined;
  if (typeof base64 === "string") return { at, topic, payload: Buffer.from(base64, "base64") };
  if (payload === undefined) return undefined;
  return { at, topic, payload: Buffer.from(JSON.stringify(payload)) };
}

/** A line of a day file. */
export function dayLine(at: number, topic: string, payload: Buffer): string {
  try {
    return JSON.stringify({ at, topic, payload: JSON.parse(payload.toString("utf8")) as unknown });
  } catch {
    // What is no JSON is kept as it came.
    return JSON.stringify({ at, topic, base64: payload.toString("base64") });
  }
}
