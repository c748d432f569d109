import { Failure } from "@busbar/protocol";
import { type Logger, pino } from "pino";
import { columnsOf, wrap } from "./terminal.ts";

type Output = { readonly write: (text: string) => unknown; readonly isTTY?: boolean };

/**
 * The unit's log: an object a line, with the level's name and the time in UTC; on a terminal the same
 * in words; `also` gets each line too. A `Failure` says what it has to without a stack.
 */
export function openLog(level: string, output: Output = process.stderr, also?: Output): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: errorOf },
  };
  const width = columnsOf(process.stderr);
  const plain = output.isTTY === true ? undefined : pino.destination({ dest: 2, sync: true });
  const write = (line: string) => {
    also?.write(line);
    if (plain === undefined) output.write(`${logText(line, width)}\n`);
    else plain.write(line);
  };
  return pino(options, { write });
}

function errorOf(error: Error): object {
  if (!(error instanceof Failure)) return pino.stdSerializers.err(error);
  return { code: error.code, message: error.message };
}

/** A line of the log as people read it. */
export function logText(line: string, width: number): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const { message, ...facts } = { ...fields, ...whatFailed(err) };
  const words = Object.entries(facts).map(([key, value]) => `${key}=${plain(value)}`);
  const head = `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${plain(msg)}`;
  const said = message === undefined ? "" : `: ${plain(message)}`;
  const rest = words.length === 0 ? "" : ` (${words.join(", ")})`;
  return wrap(`${head}${said}${rest}`, width, " ".repeat(15));
}

function whatFailed(err: unknown): Readonly<Record<string, unknown>> {
  if (typeof err !== "object" || err === null) return {};
  const { code, message, stack } = err as Record<string, unknown>;
  // A failure that nobody foresaw keeps where it was.
  return { message: stack ?? message, ...(code === undefined ? {} : { code }) };
}

const plain = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "");
