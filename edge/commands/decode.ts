import { readFileSync } from "node:fs";
import { Failure } from "@busbar/protocol";
import { type CaptureEntry, decodeCapture } from "../framing/decode-capture.ts";
import type { CaptureReading, ModbusEntry } from "../framing/modbus-capture.ts";
import type { TelegramEntry, TelegramReading } from "../framing/telegram.ts";
import { profileOf } from "../meters/profile.ts";

/** Options of `busbar-edge decode`. */
export type DecodeOptions = {
  readonly protocol: string;
  readonly profile?: string;
  readonly json?: boolean;
};

/** Prints the telegrams of a capture file, one line each; with `--json` one object each. */
export function decodeCommand(file: string, { protocol, profile, json }: DecodeOptions): void {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(file));
  } catch (cause) {
    throw new Failure("decode.file", `${file}: cannot be read`, { retry: "never", cause });
  }
  const found = profile === undefined ? undefined : profileOf(profile);
  for (const entry of decodeCapture({ protocol, bytes, profile: found })) {
    process.stdout.write(`${json === true ? JSON.stringify(entry) : entryText(entry)}\n`);
  }
}

function entryText(entry: CaptureEntry): string {
  if (!entry.ok) return `${entry.offset}: ${entry.message} [${entry.code}]  ${entry.bytes}`;
  const head = "kind" in entry ? modbusText(entry) : telegramText(entry);
  return [head, ...(entry.readings ?? []).map(readingText)].join("\n");
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
  return `    ${obis} ${quantity} ${said}${time}`;
}
