import { readFileSync } from "node:fs";
import { Failure } from "@busbar/protocol";
import { type CaptureEntry, decodeCapture } from "../framing/decode-capture.ts";
import { profileOf } from "../schedule/source.ts";

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
  const { offset, kind, unit, function: code, address, count, exception, registers } = entry;
  const parts = [
    `${offset}: ${kind} unit ${unit} function ${code}`,
    address === undefined ? "" : `from ${address}`,
    count === undefined ? "" : `count ${count}`,
    exception === undefined ? "" : `exception ${exception}`,
    registers === undefined
      ? ""
      : registers.map((word) => word.toString(16).padStart(4, "0")).join(" "),
  ];
  const readings = (entry.readings ?? []).map(
    ({ obis = "", quantity, value = "unknown", unit: of }) =>
      `    ${obis} ${quantity} ${value} ${of}`,
  );
  return [parts.filter((part) => part !== "").join(" "), ...readings].join("\n");
}
