import type { ModbusProfile } from "../../meters/profile.ts";
import { hex, type ModbusEntry, modbusEntry } from "./capture.ts";
import { takeMbap } from "./mbap.ts";
import { RtuFramer } from "./rtu.ts";

/**
 * The Modbus TCP telegrams of a capture, both directions, as `decodeModbus` gives those of an RTU
 * line. Offsets are of the frame's header. After bytes that are none the search resumes one further on.
 */
export function* decodeModbusTcp(
  bytes: Uint8Array,
  profile: ModbusProfile | undefined,
): Generator<ModbusEntry> {
  const framer = new RtuFramer();
  let skipped: number | undefined;
  let at = 0;
  while (at < bytes.length) {
    const length = frameLength(bytes, at);
    if (length === undefined) {
      skipped ??= at;
      at += 1;
      continue;
    }
    if (skipped !== undefined) yield damage(bytes, skipped, at);
    skipped = undefined;
    const taken = takeMbap(bytes.subarray(at, at + length));
    for (const { rtu } of taken === "broken" ? [] : taken.frames) {
      for (const item of framer.push(rtu)) yield modbusEntry({ ...item, offset: at }, profile);
    }
    at += length;
  }
  for (const item of framer.end()) yield modbusEntry({ ...item, offset: at }, profile);
  if (skipped !== undefined) yield damage(bytes, skipped, bytes.length);
}

/** The length of the whole frame that starts here, if one does. */
function frameLength(bytes: Uint8Array, at: number): number | undefined {
  const rest = bytes.subarray(at, at + 260);
  const length = 6 + (((rest[4] ?? 0) << 8) | (rest[5] ?? 0));
  if (rest.length < 6 || rest.length < length) return undefined;
  const taken = takeMbap(rest.subarray(0, length));
  return taken !== "broken" && taken.frames.length === 1 ? length : undefined;
}

function damage(bytes: Uint8Array, from: number, to: number): ModbusEntry {
  const message = `${to - from} bytes skipped: no Modbus TCP frame starts here`;
  const skipped = hex(bytes.subarray(from, to));
  return { ok: false, offset: from, code: "frame.header", message, bytes: skipped };
}
