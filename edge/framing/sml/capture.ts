import { formatDecimal } from "../../meters/decimal.ts";
import type { TelegramEntry, TelegramReading } from "../telegram.ts";
import { parseSmlFile, type SmlList } from "./file.ts";
import { type SmlReading, smlReadings } from "./reading.ts";
import { readServerId } from "./server-id.ts";
import { type SmlDamage, type SmlFrame, SmlFramer } from "./transport.ts";

/**
 * The lists of values in a capture, in order, and the bytes that are none. A transmission that holds
 * no list gives an entry without readings.
 */
export function* decodeSml(bytes: Uint8Array): Generator<TelegramEntry> {
  const framer = new SmlFramer();
  const chunkBytes = 4096;
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    for (const item of framer.push(bytes.subarray(at, at + chunkBytes))) yield* entries(item);
  }
  for (const item of framer.end()) yield* entries(item);
}

const damageMessages = {
  noise: "no transmission starts here",
  crc: "the transmission's checksum is wrong",
  cut: "the transmission has no end",
  escape: "the transmission breaks off, or escapes what has no meaning",
  length: "the transmission is longer than any meter sends",
} as const;

function* entries(item: SmlFrame | SmlDamage): Generator<TelegramEntry> {
  const { offset } = item;
  if (item.kind === "damage") {
    const message = `${item.bytes.length} bytes skipped: ${damageMessages[item.reason]}`;
    yield { ok: false, offset, code: `frame.${item.reason}`, message, bytes: spaced(item.bytes) };
    return;
  }
  const file = parseSmlFile(item.payload);
  if (!file.ok) {
    const { code, message } = file;
    yield { ok: false, offset, code, message, bytes: spaced(item.payload) };
    return;
  }
  if (file.value.length === 0) yield { ok: true, offset, protocol: "sml", readings: [] };
  for (const list of file.value) yield entry(offset, list);
}

function entry(offset: number, list: SmlList): TelegramEntry {
  const { address } = readServerId(list.serverId);
  return {
    ok: true,
    offset,
    protocol: "sml",
    ...(address === undefined ? {} : { address }),
    ...(list.time === undefined ? {} : { time: iso(list.time) }),
    readings: smlReadings(list).map(telegramReading),
  };
}

function telegramReading(reading: SmlReading): TelegramReading {
  const { obis, quantity, unit, scaler, value, time, text } = reading;
  return {
    obis,
    quantity,
    value: value && formatDecimal(value),
    unit,
    scaler,
    ...(time === undefined ? {} : { time: iso(time) }),
    ...(text === undefined ? {} : { text }),
  };
}

const iso = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

const spaced = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
