import type { Decimal } from "../../meters/decimal.ts";
import { decodeValue } from "../../meters/decode-value.ts";
import { characters, type MbusRecord } from "./records.ts";

type Coded = Pick<MbusRecord, "coding"> & { readonly data: Uint8Array };

/**
 * The number of a record's bytes, least significant byte first, exactly. Undefined where the meter
 * says that it does not know (a BCD digit above 9, the most negative integer, NaN: EN 13757-3 Annex
 * A), where there are no bytes, and beyond 2⁵³.
 */
export function decodeNumber({ coding, data }: Coded): Decimal | undefined {
  switch (coding) {
    case "integer":
      return integer(data);
    case "real":
      return real(data);
    case "bcd":
      return bcd(data);
    case "negative-bcd": {
      const value = bcd(data);
      return value && { ...value, mantissa: 0 - value.mantissa };
    }
    case "none":
    case "text":
    case "binary":
      return undefined;
    default:
      return coding satisfies never;
  }
}

/** Two's complement (type B), whose most negative value means "invalid". */
function integer(data: Uint8Array): Decimal | undefined {
  if (data.length === 0) return undefined;
  const raw = data.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const bits = 8 * data.length;
  const signed = BigInt.asIntN(bits, raw);
  const mantissa = Number(signed);
  const invalid = signed === -(1n << BigInt(bits - 1));
  return invalid || !Number.isSafeInteger(mantissa) ? undefined : { mantissa, exponent: 0 };
}

function real(data: Uint8Array): Decimal | undefined {
  const [a = 0, b = 0, c = 0, d = 0] = data;
  return decodeValue([(d << 8) | c, (b << 8) | a], { type: "f32", wordOrder: "msw", unit: "" });
}

/** Digits of type A; an F in the first place is the sign, any other letter says "invalid". */
function bcd(data: Uint8Array): Decimal | undefined {
  const digits = Buffer.from(data).reverse().toString("hex");
  const match = /^(f?)(\d+)$/.exec(digits);
  const magnitude = Number(match?.[2]);
  if (match === null || !Number.isSafeInteger(magnitude)) return undefined;
  return { mantissa: match[1] === "f" ? 0 - magnitude : magnitude, exponent: 0 };
}

/** What a record says that is no number: characters, digits of an identification, or hex bytes. */
export function decodeText({ coding, data }: Coded): string | undefined {
  if (data.length === 0) return undefined;
  if (coding === "text") {
    const text = characters(data).replace(/\0/g, "").trim();
    return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
  }
  const hex = Buffer.from(data).reverse().toString("hex");
  if (coding === "bcd") return /^\d+$/.test(hex) ? hex : undefined;
  const number = coding === "integer" ? integer(data) : undefined;
  return number === undefined ? hex : String(number.mantissa);
}

/**
 * A point in time, ISO 8601 in the meter's local time: type G (a date, 2 bytes), F (to the minute,
 * 4), I (to the second, 6). Undefined when the meter marks it invalid, or no calendar has it.
 */
export function decodeTime(data: Uint8Array): string | undefined {
  if (data.length === 2) return dateOf(data, 0);
  const second = data.length === 6 ? 1 : 0;
  if (data.length !== 4 && second === 0) return undefined;
  const [minutes = 0, hours = 0] = data.slice(second);
  // A century of 0 leaves the year to its last two digits, as older meters do.
  const date = dateOf(data.slice(second + 2), second === 0 ? (hours >>> 5) & 3 : 0);
  const [hour, minute, seconds] = [hours & 0x1f, minutes & 0x3f, (data[0] ?? 0) & 0x3f];
  // In type F the first byte holds the minutes, which are checked twice then.
  const invalid = (minutes & 0x80) !== 0 || hour > 23 || minute > 59 || seconds > 59;
  if (date === undefined || invalid) return undefined;
  const clock = `${two(hour)}:${two(minute)}`;
  return `${date}T${second === 1 ? `${clock}:${two(seconds)}` : clock}`;
}

function dateOf([low = 0, high = 0]: Uint8Array, century: number): string | undefined {
  const day = low & 0x1f;
  const month = high & 0x0f;
  const twoDigits = ((low & 0xe0) >>> 5) | ((high & 0xf0) >>> 1);
  const base = century > 0 ? 1900 + 100 * century : twoDigits > 80 ? 1900 : 2000;
  const year = base + twoDigits;
  // Day 0 of the next month is the last one of this.
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (twoDigits > 99 || month < 1 || month > 12 || day < 1 || day > last) return undefined;
  return `${year}-${two(month)}-${two(day)}`;
}

const two = (number: number): string => String(number).padStart(2, "0");
