import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { Failure } from "@busbar/protocol";
import { type CaptureEntry, decodeCapture, likelyProtocols } from "../framing/decode-capture.ts";
import type { CaptureReading, ModbusEntry } from "../framing/modbus/capture.ts";
import type { TelegramEntry, TelegramReading } from "../framing/telegram.ts";
import { profileOf } from "../meters/profile.ts";
import { exitCode } from "./output.ts";
import { columnsOf, wrap } from "./terminal.ts";

/** Options of `busbar-edge decode`. */
export type DecodeOptions = {
  readonly protocol: string;
  readonly profile?: string;
  readonly json?: boolean;
};

/** A day of a P1 port has 200 MB; a capture for a report needs no more than minutes. */
const captureBytesMax = 256 * 1024 * 1024;

/**
 * Prints the telegrams of a capture file, one line each and a line for each value; with `--json` one
 * object each. `-` is standard input. Fails when no telegram was found.
 */
export async function decodeCommand(
  file: string,
  { protocol, profile, json = false }: DecodeOptions,
): Promise<void> {
  const found = profile === undefined ? undefined : profileOf(profile);
  const bytes = readCapture(file);
  const width = columnsOf(process.stdout);
  const count = { telegrams: 0, refused: 0 };
  // Whoever reads the output may have seen enough (`| head`).
  process.stdout.once("error", () => process.exit(exitCode.ok));
  for (const entry of decodeCapture({ protocol, bytes, profile: found })) {
    if (!entry.ok) count.refused += 1;
    else if (saysSomething(entry)) count.telegrams += 1;
    const text = json ? JSON.stringify(entry) : entryText(entry, width);
    // A pipe takes no more than it can hold: the rest would gather in memory.
    if (!process.stdout.write(`${text}\n`)) await once(process.stdout, "drain");
  }
  const summary = `${counted(count.telegrams, "telegram")}, ${counted(count.refused, "piece")} refused`;
  const hint = count.telegrams > 0 ? "" : `; ${hintFor(file, bytes, protocol)}`;
  if (!json || hint !== "") process.stderr.write(`${wrap(`${summary}${hint}`, width)}\n`);
  if (count.telegrams === 0) process.exitCode = exitCode.failed;
}

function readCapture(file: string): Uint8Array {
  const fail = (message: string, cause?: unknown) =>
    new Failure("decode.file", `${file}: ${message}`, { retry: "never", cause });
  try {
    if (file !== "-" && statSync(file).size > captureBytesMax) {
      throw fail("larger than 256 MiB; cut a part out of it, such as head -c 10000000");
    }
    return new Uint8Array(readFileSync(file === "-" ? 0 : file));
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw fail(`cannot be read (${cause instanceof Error ? cause.message : cause})`, cause);
  }
}

function hintFor(file: string, bytes: Uint8Array, protocol: string): string {
  if (bytes.length === 0) return `${file} is empty`;
  const others = likelyProtocols(bytes).filter((name) => name !== protocol);
  if (others.length > 0) return `there are telegrams of ${others.join(", ")} in it (--protocol)`;
  return "it may be of another protocol, or of a line at the wrong speed or parity";
}

/** A lone confirmation of M-Bus is one byte, which any other protocol has too. */
const saysSomething = (entry: CaptureEntry & { readonly ok: true }): boolean =>
  "kind" in entry || entry.address !== undefined || entry.readings.length > 0;

const indent = "      ";

function entryText(entry: CaptureEntry, width: number): string {
  if (!entry.ok) {
    const text = `${entry.offset}: ${entry.message} [${entry.code}]: ${someOf(entry.bytes)}`;
    return wrap(text, width, indent);
  }
  const head = "kind" in entry ? modbusText(entry) : telegramText(entry);
  return [head, ...(entry.readings ?? []).map(readingText)]
    .map((text) => wrap(text, width, indent))
    .join("\n");
}

const shownBytes = 32;

function someOf(bytes: string): string {
  const all = bytes.split(" ");
  return all.length <= shownBytes ? bytes : `${all.slice(0, shownBytes).join(" ")} …`;
}

function modbusText(telegram: ModbusEntry & { readonly ok: true }): string {
  const { offset, kind, unit, function: code, address, count, exception, registers } = telegram;
  const parts = [
    `${offset}: ${kind} unit ${unit} function ${code}`,
    address === undefined ? "" : `from ${address}`,
    count === undefined ? "" : `count ${count}`,
    exception === undefined ? "" : `exception ${exception}`,
    registers === undefined
      ? ""
      : registers.map((word) => word.toString(16).padStart(4, "0")).join(" "),
  ];
  return parts.filter((part) => part !== "").join(" ");
}

function telegramText(telegram: TelegramEntry & { readonly ok: true }): string {
  const { offset, protocol, address, time } = telegram;
  const meter = address === undefined ? "" : ` meter ${address}`;
  return `${offset}: ${protocol}${meter}${time === undefined ? "" : ` at ${time}`}`;
}

function readingText(reading: CaptureReading | TelegramReading): string {
  const { obis = "", quantity, value = "unknown", unit } = reading;
  const text = "text" in reading ? reading.text : undefined;
  const time = "time" in reading && reading.time !== undefined ? ` at ${reading.time}` : "";
  const said = text === undefined ? `${value} ${unit}`.trimEnd() : JSON.stringify(text);
  const code = obis === "" ? "" : `${obis} `;
  return `    ${code}${quantity} ${said}${time}`;
}

const counted = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;
