import { formatDecimal } from "../../meters/decimal.ts";
import type { TelegramReading } from "../telegram.ts";
import { type Field, fieldsOf } from "./fields.ts";

/** One value of an answer, and the bytes that it was read from, as sent but without the offset. */
export type Dlt645Value = { readonly reading: TelegramReading; readonly raw: Uint8Array };

export type Dlt645Values =
  | { readonly ok: true; readonly values: readonly Dlt645Value[] }
  | { readonly ok: false; readonly code: "dlt645.length"; readonly message: string };

/** "02800002": as the standard's tables write a data identifier. */
export const identifierText = (identifier: number): string =>
  identifier.toString(16).toUpperCase().padStart(8, "0");

/**
 * The values under a data identifier. A digit above 9 (FF, EE: "no such phase", "not measured") makes
 * its value unknown. An identifier that is not known here gives one reading with its bytes as text.
 */
export function decodeValues(identifier: number, payload: Uint8Array): Dlt645Values {
  const fields = fieldsOf(identifier, payload.length);
  if (fields === "length") {
    const message = `${payload.length} bytes cannot be the value of ${identifierText(identifier)}`;
    return { ok: false, code: "dlt645.length", message };
  }
  if (fields === undefined) return { ok: true, values: [unnamed(identifier, payload)] };
  let at = 0;
  const values = fields.map((field) => {
    const raw = payload.slice(at, at + field.format.bytes);
    at += raw.length;
    return { reading: readingOf(field, raw), raw };
  });
  return { ok: true, values };
}

function unnamed(identifier: number, raw: Uint8Array): Dlt645Value {
  const quantity = `dlt645.${identifierText(identifier).toLowerCase()}`;
  const text = Buffer.from(raw).toString("hex");
  return {
    reading: { obis: undefined, quantity, value: undefined, unit: "", scaler: 0, text },
    raw,
  };
}

function readingOf({ quantity, obis, format }: Field, raw: Uint8Array): TelegramReading {
  if (format.kind === "number") {
    const mantissa = bcd(raw, format.signed);
    const exponent = -format.decimals;
    const value = mantissa === undefined ? undefined : formatDecimal({ mantissa, exponent });
    return { obis, quantity, value, unit: format.unit, scaler: exponent };
  }
  const text = texts[format.kind](raw);
  const reading = { obis, quantity, value: undefined, unit: "", scaler: 0 };
  return text === undefined ? reading : { ...reading, text };
}

/** Two digits a byte, the least significant byte first. */
function digitsOf(raw: Uint8Array): string | undefined {
  const text = Buffer.from(raw).reverse().toString("hex");
  return /^\d*$/.test(text) ? text : undefined;
}

function bcd(raw: Uint8Array, signed: boolean): number | undefined {
  const top = raw.length - 1;
  const negative = signed && (raw[top] ?? 0) >= 0x80;
  const plain = negative ? raw.map((byte, i) => (i === top ? byte & 0x7f : byte)) : raw;
  const digits = digitsOf(plain);
  if (digits === undefined) return undefined;
  const magnitude = Number(digits);
  return negative && magnitude !== 0 ? -magnitude : magnitude;
}

const texts = {
  digits: digitsOf,
  text: asText,
  date: asDate,
  time: asTime,
} as const;

/** Characters travel the last one first (§5.1.6); what is left of the width is NUL or blank. */
function asText(raw: Uint8Array): string | undefined {
  const text = Buffer.from(raw).reverse().toString("latin1");
  const plain = text.replace(/^[\0\s]+|[\0\s]+$/g, "");
  return /^[\x20-\x7e]+$/.test(plain) ? plain : undefined;
}

/** YY MM DD WW; the weekday says nothing that the date does not. The century is ours: 2000. */
function asDate(raw: Uint8Array): string | undefined {
  const digits = digitsOf(raw);
  const match = digits?.match(/^(\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\d\d$/);
  return match ? `20${match[1]}-${match[2]}-${match[3]}` : undefined;
}

/** hh mm ss, in the meter's local time. */
function asTime(raw: Uint8Array): string | undefined {
  const digits = digitsOf(raw);
  const match = digits?.match(/^([01]\d|2[0-3])([0-5]\d)([0-5]\d)$/);
  return match ? `${match[1]}:${match[2]}:${match[3]}` : undefined;
}
