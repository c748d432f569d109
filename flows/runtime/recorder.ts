import { appendFileSync, existsSync, statSync } from "node:fs";
import type { NodeRed, SendEvent } from "./node-red.ts";

/** A recording that nobody ends must not fill the disk: days of ten meters. */
const bytesMax = 500_000_000;

/** What of a meter's message a replay needs; whatever else is in it may be no JSON. */
const parts = ["topic", "payload", "meter", "time", "serial", "unknown", "reading"] as const;

/**
 * Writes down what meter nodes send, as lines of a day that `busbar-flows replay` reads. `report`: told
 * once where it ends before it is stopped.
 */
export function recordMeters(
  red: Pick<NodeRed, "hooks">,
  file: string,
  report: (text: string) => void,
): void {
  let bytes = existsSync(file) ? statSync(file).size : 0;
  let ended = false;
  // Meters are read side by side, and a day is in the order of time.
  let last = 0;
  const timeOf = ({ time }: SendEvent["msg"]) => {
    last = Math.max(last, typeof time === "number" ? time : Date.now());
    return last;
  };
  red.hooks.add("onSend.busbarRecord", (events) => {
    if (ended) return;
    for (const line of linesOf(events, timeOf)) {
      try {
        appendFileSync(file, line);
        bytes += Buffer.byteLength(line);
      } catch (error) {
        ended = true;
        report(`${file}: nothing more is recorded: ${(error as Error).message}`);
      }
    }
    if (bytes <= bytesMax || ended) return;
    ended = true;
    report(`${file}: nothing more is recorded, for it holds ${bytes} bytes`);
  });
}

/** A line for each message of a meter, over however many wires it goes. */
function linesOf(
  events: readonly SendEvent[],
  timeOf: (msg: SendEvent["msg"]) => number,
): string[] {
  const sent = new Map<unknown, SendEvent>();
  for (const event of events) {
    if (event.source.node?.type === "busbar-meter" && !sent.has(event.msg)) {
      sent.set(event.msg, event);
    }
  }
  return Array.from(sent.values(), ({ msg, source }) => {
    const kept = Object.fromEntries(
      parts.flatMap((part) => (msg[part] === undefined ? [] : [[part, msg[part]]])),
    );
    return `${JSON.stringify({ at: timeOf(msg), node: source.node?.name || source.id, msg: kept })}\n`;
  });
}
