import type { TelegramEntry, TelegramReading } from "../telegram.ts";
import { type Dlt645Damage, Dlt645Framer, type Dlt645Telegram } from "./framer.ts";
import { type Dlt645Message, errorText, readMessage } from "./message.ts";
import { decodeValues, identifierText } from "./values.ts";

type Data = Extract<Dlt645Message, { kind: "data" }>;
type Refused = { readonly code: string; readonly message: string };
type Found = { readonly readings: readonly TelegramReading[] } | Refused;
/** The parts of one block so far, of the one meter that a half-duplex line can hear. */
type Block = {
  readonly address: string;
  readonly identifier: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
};

const protocol = "dlt645";
/** The longest block known is 256 bytes; a capture cannot make us keep more than this. */
const blockBytesMax = 4096;

const damageMessages = {
  start: "no telegram starts here",
  length: "the length is more than 200 bytes",
  checksum: "the checksum does not hold",
  end: "no 16h where the length says that the telegram ends",
  cut: "the telegram ends before its length",
} as const;

/**
 * The telegrams of a capture in order, both directions. A block in several telegrams gives its values
 * with the last of them. What a meter refuses, and what no value can be read from, is an entry that
 * is not ok.
 */
export function* decodeDlt645(bytes: Uint8Array): Generator<TelegramEntry> {
  const framer = new Dlt645Framer();
  const reader = new BlockReader();
  const chunkBytes = 4096;
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    for (const item of framer.push(bytes.subarray(at, at + chunkBytes))) yield reader.entry(item);
  }
  for (const item of framer.end()) yield reader.entry(item);
}

class BlockReader {
  #block: Block | undefined;

  entry(item: Dlt645Telegram | Dlt645Damage): TelegramEntry {
    if (item.kind === "damage") {
      const { offset, reason, bytes } = item;
      const message = `${bytes.length} bytes skipped: ${damageMessages[reason]}`;
      return { ok: false, offset, code: `frame.${reason}`, message, bytes: hex(bytes) };
    }
    const found = this.#readings(item);
    if ("code" in found) {
      const { offset, bytes } = item;
      return { ok: false, offset, code: found.code, message: found.message, bytes: hex(bytes) };
    }
    const { offset, address } = item;
    return { ok: true, offset, protocol, address, readings: found.readings };
  }

  #readings(telegram: Dlt645Telegram): Found {
    const read = readMessage(telegram);
    if (!read.ok) return read;
    const { message } = read;
    if (message.kind === "refusal") {
      const text = `meter ${telegram.address} refuses: ${errorText(message.error)}`;
      return { code: "dlt645.refused", message: text };
    }
    if (message.kind === "address") {
      const quantity = "meter.address";
      const text = message.address;
      const value = undefined;
      return { readings: [{ obis: undefined, quantity, value, unit: "", scaler: 0, text }] };
    }
    if (message.kind !== "data") return { readings: [] };
    return this.#data(telegram.address, message);
  }

  #data(address: string, message: Data): Found {
    const { identifier, sequence, more } = message;
    const whole = this.#join(address, message);
    this.#block = undefined;
    if ("code" in whole) return whole;
    if (more) {
      this.#block = { address, identifier, sequence: sequence ?? 0, payload: whole.payload };
      return { readings: [] };
    }
    const decoded = decodeValues(identifier, whole.payload);
    return decoded.ok ? { readings: decoded.values.map(({ reading }) => reading) } : decoded;
  }

  #join(address: string, message: Data): { readonly payload: Uint8Array } | Refused {
    const { identifier, sequence, payload } = message;
    if (sequence === undefined) return { payload };
    const block = this.#block;
    const follows =
      block?.address === address &&
      block.identifier === identifier &&
      block.sequence + 1 === sequence;
    if (!follows) {
      const text = `part ${sequence} of ${identifierText(identifier)} follows no part ${sequence - 1}`;
      return { code: "dlt645.continuation", message: text };
    }
    const joined = Buffer.concat([block.payload, payload]);
    if (joined.length <= blockBytesMax) return { payload: joined };
    const text = `${identifierText(identifier)} is longer than ${blockBytesMax} bytes`;
    return { code: "dlt645.too-long", message: text };
  }
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
