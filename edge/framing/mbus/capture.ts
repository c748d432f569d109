import type { TelegramEntry } from "../telegram.ts";
import { respondUserData } from "./frame.ts";
import { type MbusDamage, MbusFramer, type MbusTelegram } from "./framer.ts";
import { readAnswer, withoutClashes } from "./values.ts";

const protocol = "mbus";
/** Where the data field stands in a long frame. */
const dataAt = 7;

const damageMessages = {
  start: "no telegram starts here",
  checksum: "the checksum does not hold",
  end: "no 16h where the length says that the telegram ends",
  cut: "the telegram ends before its length",
} as const;

/**
 * The telegrams of a capture in order, both directions. `address` is the secondary address where the
 * telegram has it (id, manufacturer, version, medium), else the primary one.
 */
export function* decodeMbus(bytes: Uint8Array): Generator<TelegramEntry> {
  const framer = new MbusFramer();
  const chunkBytes = 4096;
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    for (const item of framer.push(bytes.subarray(at, at + chunkBytes))) yield entry(item);
  }
  for (const item of framer.end()) yield entry(item);
}

function entry(item: MbusTelegram | MbusDamage): TelegramEntry {
  const { offset, bytes } = item;
  if (item.kind === "damage") {
    const message = `${bytes.length} bytes skipped: ${damageMessages[item.reason]}`;
    return { ok: false, offset, code: `frame.${item.reason}`, message, bytes: hex(bytes) };
  }
  if (item.kind === "acknowledge") return { ok: true, offset, protocol, readings: [] };
  const address = String(item.address);
  if (item.kind === "short" || (item.control & 0x0f) !== respondUserData) {
    return { ok: true, offset, protocol, address, readings: [] };
  }
  const answer = readAnswer(item.ci, item.data);
  if (!answer.ok) {
    const message = `${answer.message} (at byte ${dataAt + answer.at} of the telegram)`;
    return { ok: false, offset, code: answer.code, message, bytes: hex(bytes) };
  }
  const { header, time, values } = answer;
  return {
    ok: true,
    offset,
    protocol,
    address: header.meter?.secondary ?? address,
    ...(time === undefined ? {} : { time }),
    readings: withoutClashes(values).map(({ reading }) => reading),
  };
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
