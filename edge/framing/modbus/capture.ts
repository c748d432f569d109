import { formatDecimal } from "../../meters/decimal.ts";
import { baseUnit, decodeValue } from "../../meters/decode-value.ts";
import type { ModbusProfile } from "../../meters/profile.ts";
import { wordsOf } from "../../meters/register-type.ts";
import { type RtuDamage, RtuFramer, type RtuTelegram } from "./rtu.ts";

/** A value found in a telegram; `value` is the exact decimal in base units, undefined = unknown. */
export type CaptureReading = {
  readonly obis: string | undefined;
  readonly quantity: string;
  readonly value: string | undefined;
  readonly unit: string;
  /** The power of ten of the value's last digit; 0 when it is unknown. */
  readonly scaler: number;
};

/** One Modbus telegram of a capture, or the bytes that are none. `offset` is in bytes from the start. */
export type ModbusEntry =
  | {
      readonly ok: true;
      readonly offset: number;
      readonly kind: RtuTelegram["kind"];
      readonly unit: number;
      readonly function: number;
      readonly address?: number;
      readonly count?: number;
      readonly registers?: readonly number[];
      readonly exception?: number;
      readonly readings?: readonly CaptureReading[];
    }
  | {
      readonly ok: false;
      readonly offset: number;
      readonly code: string;
      readonly message: string;
      readonly bytes: string;
    };

/**
 * The Modbus RTU telegrams of a capture, with readings when a profile is given and the request is in
 * the capture too: a response alone does not say which registers it holds.
 */
export function* decodeModbus(
  bytes: Uint8Array,
  profile: ModbusProfile | undefined,
): Generator<ModbusEntry> {
  const framer = new RtuFramer();
  const chunkBytes = 4096;
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    for (const item of framer.push(bytes.subarray(at, at + chunkBytes)))
      yield modbusEntry(item, profile);
  }
  for (const item of framer.end()) yield modbusEntry(item, profile);
}

type Item = RtuTelegram | RtuDamage;

const damageMessages = {
  crc: "no checksum holds here",
  "unknown-function": "no telegram starts with this function code",
  cut: "the telegram ends before its length",
} as const;

/** What an item of the framer says, with readings by a profile. */
export function modbusEntry(item: Item, profile: ModbusProfile | undefined): ModbusEntry {
  if (item.kind === "damage") {
    const { offset, reason, bytes } = item;
    const message = `${bytes.length} bytes skipped: ${damageMessages[reason]}`;
    return { ok: false, offset, code: `frame.${reason}`, message, bytes: hex(bytes) };
  }
  const { offset, kind, unit, function: code, address, count, registers, exception } = item;
  const readings = profile === undefined ? undefined : readingsOf(item, profile);
  return {
    ok: true,
    offset,
    kind,
    unit,
    function: code,
    ...(address === undefined ? {} : { address }),
    ...(count === undefined ? {} : { count }),
    ...(registers === undefined ? {} : { registers }),
    ...(exception === undefined ? {} : { exception }),
    ...(readings === undefined ? {} : { readings }),
  };
}

function readingsOf(telegram: RtuTelegram, profile: ModbusProfile): CaptureReading[] | undefined {
  const { address, registers, function: code } = telegram;
  if (address === undefined || registers === undefined) return undefined;
  if (code !== profile.read.function) return undefined;
  return profile.registers.flatMap((row) => {
    const from = row.address - address;
    const words = registers.slice(Math.max(from, 0), from + wordsOf(row.type));
    if (from < 0 || words.length < wordsOf(row.type)) return [];
    const value = decodeValue(words, { ...row, wordOrder: profile.read.wordOrder });
    return [
      {
        obis: row.obis,
        quantity: row.quantity,
        value: value && formatDecimal(value),
        unit: baseUnit(row.unit),
        scaler: value?.exponent ?? 0,
      },
    ];
  });
}

/** "01 04 00 48". */
export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
