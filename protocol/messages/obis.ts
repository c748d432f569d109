import { type CborKey, compareBytes } from "../cbor/value.ts";
import { describe, type KeyCodec, SchemaError } from "../schema/codec.ts";

const form = /^(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\*(\d{1,3}))?$/;

/**
 * OBIS code as a map key: six bytes A B C D E F on the wire, `A-B:C.D.E` in memory, `*F` appended
 * where F is not 255 (IEC 62056-61).
 */
export const obisKey: KeyCodec = {
  cddl: "bstr .size 6",
  decode(value: CborKey, path: string): string {
    if (!(value instanceof Uint8Array) || value.length !== 6) {
      throw new SchemaError(path, "an OBIS code of 6 bytes", value);
    }
    return textOf(value);
  },
  encode(value: string): CborKey {
    const bytes = parseObis(value);
    if (bytes === undefined) {
      throw new SchemaError("", "an OBIS code like 1-0:1.8.0", describe(value));
    }
    return bytes;
  },
};

/** Texts of codes that were read, by their bytes as one number; bounded as `parsed` is. */
const texts = new Map<number, string>();

function textOf(code: Uint8Array): string {
  let number = 0;
  for (let i = 0; i < 6; i++) number = number * 256 + (code[i] as number);
  const known = texts.get(number);
  if (known !== undefined) return known;
  const text = canonical([...code]);
  if (texts.size < parsedMax) texts.set(number, text);
  return text;
}

/** Codes that were parsed: units and ledgers meet the same few with every reading. Bounded, for codes
 * come from strangers too. */
const parsed = new Map<string, Uint8Array>();
const parsedMax = 512;

/** The six bytes of a code, or undefined when the text is none. They are kept, and not to be changed. */
export function parseObis(text: string): Uint8Array | undefined {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const bytes = bytesOf(text);
  if (bytes !== undefined && parsed.size < parsedMax) parsed.set(text, bytes);
  return bytes;
}

/** The order of two codes on the wire, below 0 where `a` comes first; texts that are none come last. */
export function compareObis(a: string, b: string): number {
  const [one, two] = [parseObis(a), parseObis(b)];
  if (one === undefined || two === undefined)
    return Number(one === undefined) - Number(two === undefined);
  return compareBytes(one, two);
}

function bytesOf(text: string): Uint8Array | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const parts = match.slice(1).map((part) => (part === undefined ? 255 : Number(part)));
  if (parts.some((part) => part > 255) || text !== canonical(parts)) return undefined;
  return Uint8Array.from(parts);
}

function canonical(parts: readonly number[]): string {
  const [a, b, c, d, e, f] = parts;
  return `${a}-${b}:${c}.${d}.${e}${f === 255 ? "" : `*${f}`}`;
}

/** The registers that Busbar bills or shows (IEC 62056-61, 1 = electricity). */
export const obis = {
  importEnergy: "1-0:1.8.0",
  exportEnergy: "1-0:2.8.0",
  importPower: "1-0:1.7.0",
  exportPower: "1-0:2.7.0",
  netPower: "1-0:16.7.0",
  frequency: "1-0:14.7.0",
  powerFactor: "1-0:13.7.0",
  voltageL1: "1-0:32.7.0",
  currentL1: "1-0:31.7.0",
} as const;
