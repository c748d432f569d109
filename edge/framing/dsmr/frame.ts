import { parseDataSets } from "../iec62056-21/data-sets.ts";
import { type Carried, carriedBy, sevenBits } from "../iec62056-21/parity.ts";
import { type Look, noise, StreamFramer } from "../iec62056-21/stream-framer.ts";
import { crc16Arc } from "./crc16-arc.ts";

/** A whole telegram: its header line without the slash, and the lines up to the exclamation mark. */
export type DsmrTelegram = {
  readonly header: string;
  readonly text: string;
  /** Whether a checksum was sent, which then holds. */
  readonly checked: boolean;
};

/** What the framer believes without a checksum: nothing, or lines that are data sets throughout. */
export type Checksum = "required" | "optional";

/** From the slash to the end of the checksum; the longest one seen has some 2.5 kB. */
export const telegramBytesMax = 8192;
const headerBytesMax = 64;

const slash = 0x2f;
const exclamation = 0x21;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/**
 * Cuts P1 telegrams out of a stream. `checksum: "optional"` is for DSMR 2.2 and 3, which have none.
 * Limits: `telegramBytesMax` for a telegram, and as much for one piece of damage.
 */
export const dsmrFramer = (checksum: Checksum): StreamFramer<DsmrTelegram> =>
  new StreamFramer({
    look: (bytes, at, ended) => look(bytes, at, { ended, checksum }),
    damageBytesMax: telegramBytesMax,
  });

type Context = { readonly ended: boolean; readonly checksum: Checksum };

function look(bytes: Uint8Array, at: number, context: Context): Look<DsmrTelegram> {
  const first = bytes[at] ?? 0;
  if (first === carriageReturn || first === lineFeed) return "skip";
  if (first === ciphering) return encrypted(bytes, at);
  const carried = carriedBy(first, slash);
  if (carried === undefined) return { reason: noise };
  const header = headerEnd(bytes, at, carried);
  if (typeof header !== "number") return header;
  const mark = bytes.indexOf(exclamation, header);
  if (mark < 0 || mark - at > telegramBytesMax) {
    return bytes.length - at > telegramBytesMax ? { reason: "too-long" } : "wait";
  }
  return telegramAt(bytes, { at, mark, carried, ...context });
}

/** Where the header line ends; what follows a slash and is no header line is noise at once. */
function headerEnd(bytes: Uint8Array, at: number, carried: Carried): number | Look<never> {
  for (let i = at + 1; i < at + headerBytesMax; i += 1) {
    const byte = bytes[i];
    if (byte === undefined) return "wait";
    const character = sevenBits(byte, carried);
    if (character === carriageReturn || character === lineFeed) {
      return i - at >= 5 ? i : { reason: noise };
    }
    if (character === undefined || character < 0x20 || character === 0x7f) break;
  }
  return { reason: noise };
}

type Found = Context & { readonly at: number; readonly mark: number; readonly carried: Carried };

function telegramAt(bytes: Uint8Array, found: Found): Look<DsmrTelegram> {
  const { at, mark, carried, ended, checksum } = found;
  const tail = checksumAt(bytes, mark + 1, carried, ended);
  if (tail === "wait") return "wait";
  const extent = tail.end - at;
  const body = plain(bytes.subarray(at, mark + 1), carried);
  if (body === undefined) return { reason: "parity", extent };
  const [header = "", ...lines] = Buffer.from(body.subarray(1, -1)).toString("latin1").split("\n");
  const text = lines.join("\n");
  const telegram = { header: header.replace(/\r$/, ""), text };
  if (tail.crc !== undefined) {
    if (crc16Arc(body) === tail.crc)
      return { length: extent, telegram: { ...telegram, checked: true } };
    return { reason: convertedHolds(body, tail.crc) ? "line-ends" : "crc", extent };
  }
  if (!tail.lineEnd) return { reason: "crc", extent };
  if (checksum === "required") return { reason: "no-crc", extent };
  // Without a checksum the grammar has to hold throughout: a telegram that lost its end and the
  // next one's start have a line between them that is no data set.
  if (parseDataSets(text).strange.length > 0) return { reason: "grammar", extent };
  return { length: extent, telegram: { ...telegram, checked: false } };
}

/** The checksum behind the exclamation mark: four digits, or fewer and a line end (unpadded). */
function checksumAt(bytes: Uint8Array, from: number, carried: Carried, ended: boolean) {
  let digits = "";
  let at = from;
  for (; digits.length < 4; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) {
      if (!ended) return "wait";
      break;
    }
    const character = String.fromCharCode(sevenBits(byte, carried) ?? 0);
    if (!/[0-9a-f]/i.test(character)) break;
    digits += character;
  }
  if (digits.length === 4) return { crc: Number.parseInt(digits, 16), end: at, lineEnd: false };
  const next = bytes[at];
  const character = next === undefined ? lineFeed : sevenBits(next, carried);
  const lineEnd = character === carriageReturn || character === lineFeed;
  const crc = lineEnd && digits !== "" ? Number.parseInt(digits, 16) : undefined;
  return { crc, end: next !== undefined && lineEnd ? at + 1 : at, lineEnd };
}

/** The 7-bit characters, or the bytes as they are where no parity is carried. */
function plain(bytes: Uint8Array, carried: Carried): Uint8Array | undefined {
  if (carried === "none") return bytes;
  const characters = Array.from(bytes, (byte) => sevenBits(byte, carried));
  return characters.includes(undefined) ? undefined : bytes.map((byte) => byte & 0x7f);
}

/** Whether the checksum fits the text as the meter sent it, before its line ends were converted. */
function convertedHolds(body: Uint8Array, crc: number): boolean {
  if (body.includes(carriageReturn)) return false;
  const text = Buffer.from(body).toString("latin1").replaceAll("\n", "\r\n");
  return crc16Arc(Buffer.from(text, "latin1")) === crc;
}

/** Tag of DLMS general-glo-ciphering, with which the meters of LU and AT begin. */
const ciphering = 0xdb;

/**
 * An encrypted telegram: tag, system title of 8 bytes, length, security control, frame counter.
 * Source: Luxmetering "E-Meter P1 specification" 1.1.3 §3.2.5, DLMS Green Book §9.2.7.
 */
function encrypted(bytes: Uint8Array, at: number): Look<never> {
  const head = [...bytes.subarray(at, at + 14)];
  const [, titleLength, ...rest] = head;
  const [form, high, low, control] = rest.slice(8);
  if (titleLength !== undefined && titleLength !== 8) return { reason: noise };
  if (form !== undefined && form !== 0x82) return { reason: noise };
  if (head.length < 14) return "wait";
  if (((control ?? 0) & 0xce) !== 0) return { reason: noise };
  const extent = 13 + (high ?? 0) * 256 + (low ?? 0);
  return extent > telegramBytesMax ? { reason: noise } : { reason: "encrypted", extent };
}
