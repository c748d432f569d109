import { parseDataSets } from "./data-sets.ts";
import { type Carried, carriedBy, sevenBits } from "./parity.ts";
import { type Look, noise, StreamFramer } from "./stream-framer.ts";

/** What is on an IEC 62056-21 line, both directions mixed. */
export type IecMessage =
  /** "/?address!", from the reader or as its echo. */
  | { readonly kind: "request"; readonly address: string }
  /** "/XXXZident": who the meter is and which speed it proposes. */
  | {
      readonly kind: "identification";
      readonly identification: Identification;
      readonly carried: Carried;
    }
  /** ACK with protocol, speed and mode, from the reader or as its echo. */
  | { readonly kind: "acknowledgement"; readonly text: string }
  /** A readout between STX and ETX, whose block check character holds. */
  | { readonly kind: "readout"; readonly text: string }
  /** A readout without block check, as mode D sends it; every line of it is data sets. */
  | { readonly kind: "push"; readonly identification: Identification; readonly text: string };

export type Identification = {
  /** Three letters; the third is small where the meter reacts in 20 ms instead of 200 ms. */
  readonly manufacturer: string;
  /** Which speed, and so which mode, the meter proposes. */
  readonly baudCharacter: string;
  /** What is left of the line: type and version. */
  readonly type: string;
};

/**
 * Which readouts are looked for: those with a block check after a request, those that a meter
 * pushes (mode D), or both, for a capture. A pushed one in a capture is known only by what follows.
 */
export type Expected = "polled" | "pushed" | "any";

/** Readouts with stored values of many months have some 10 kB. */
export const readoutBytesMax = 32_768;
/** The identification has 16 characters by the standard, and more in practice. */
const lineBytesMax = 64;

const [stx, etx, ack, slash, exclamation] = [0x02, 0x03, 0x06, 0x2f, 0x21];
const [carriageReturn, lineFeed] = [0x0d, 0x0a];

/** Cuts messages out of a stream. Limits: `readoutBytesMax`, also for one piece of damage. */
export const iecFramer = (expected: Expected): StreamFramer<IecMessage> =>
  new StreamFramer({
    look: (bytes, at, ended) => look(bytes, at, { expected, ended }),
    damageBytesMax: readoutBytesMax,
  });

type Context = { readonly expected: Expected; readonly ended: boolean };

function look(bytes: Uint8Array, at: number, context: Context): Look<IecMessage> {
  const first = bytes[at] ?? 0;
  // Line ends, and what wakes a meter up or is left of it, with or without parity.
  if ([0x00, 0x7f, 0xff, carriageReturn, 0x8d, lineFeed].includes(first)) return "skip";
  if (first === ack) return acknowledgement(bytes, at);
  const block = carriedBy(first, stx);
  if (block !== undefined) {
    return context.expected === "pushed" ? { reason: noise } : readout(bytes, at, block);
  }
  const carried = carriedBy(first, slash);
  return carried === undefined ? { reason: noise } : opening(bytes, at, { carried, ...context });
}

/** Printable characters from `from` to a line end, both excluded; `end` is behind the line feed. */
function line(bytes: Uint8Array, from: number, carried: Carried) {
  let text = "";
  for (let at = from; at < from + lineBytesMax; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) return "wait";
    const character = sevenBits(byte, carried);
    if (character === carriageReturn) {
      const next = bytes[at + 1];
      if (next === undefined) return "wait";
      return sevenBits(next, carried) === lineFeed ? { text, end: at + 2 } : undefined;
    }
    if (character === undefined || character < 0x20 || character === 0x7f) return undefined;
    text += String.fromCharCode(character);
  }
  return undefined;
}

function acknowledgement(bytes: Uint8Array, at: number): Look<IecMessage> {
  // Its parity bit is 0, so that the next character has to show whether there is one.
  for (const carried of ["even", "none"] as const) {
    const found = line(bytes, at + 1, carried);
    if (found === "wait") return bytes.length - at > 6 ? { reason: noise } : "wait";
    if (found !== undefined && /^[0-9][0-9A-I][0-9A-Z]$/.test(found.text)) {
      const telegram = { kind: "acknowledgement", text: found.text } as const;
      return { length: found.end - at, telegram };
    }
  }
  return { reason: noise };
}

type Opening = Context & { readonly carried: Carried };

function opening(bytes: Uint8Array, at: number, context: Opening): Look<IecMessage> {
  const found = line(bytes, at + 1, context.carried);
  if (found === "wait") return "wait";
  if (found === undefined) return { reason: noise };
  const length = found.end - at;
  const request = /^[?2]([^!]*)!$/.exec(found.text);
  if (request !== null) return { length, telegram: { kind: "request", address: request[1] ?? "" } };
  const match = /^([A-Za-z]{3})(.)(.*)$/.exec(found.text);
  if (match === null) return { reason: noise };
  const [, manufacturer = "", baudCharacter = "", type = ""] = match;
  const identification = { manufacturer, baudCharacter, type };
  const { carried } = context;
  const telegram = { kind: "identification", identification, carried } as const;
  if (context.expected === "polled") return { length, telegram };
  const next = bytes[found.end];
  if (next === undefined && !context.ended) return "wait";
  const follows = next === undefined ? undefined : sevenBits(next, context.carried);
  const data = follows !== undefined && (follows >= 0x20 || follows === carriageReturn);
  if (data && follows !== slash) return pushed(bytes, at, { ...context, ...found, identification });
  return context.expected === "any" ? { length, telegram } : { reason: noise };
}

/** From behind STX to ETX, and the block check character behind that (ISO 1155). */
function readout(bytes: Uint8Array, at: number, carried: Carried): Look<IecMessage> {
  let check = 0;
  for (let i = at + 1; i - at <= readoutBytesMax; i += 1) {
    const byte = bytes[i];
    if (byte === undefined) return "wait";
    const character = sevenBits(byte, carried);
    if (character === undefined) return { reason: "parity", extent: i + 1 - at };
    check ^= character;
    if (character === etx) return checked(bytes, { at, end: i, check, carried });
    const text = character >= 0x20 || character === carriageReturn || character === lineFeed;
    if (!text || character === 0x7f) return { reason: "character", extent: i + 1 - at };
  }
  return { reason: "too-long" };
}

type Block = {
  readonly at: number;
  /** Where ETX is. */
  readonly end: number;
  readonly check: number;
  readonly carried: Carried;
};

function checked(bytes: Uint8Array, { at, end, check, carried }: Block): Look<IecMessage> {
  const sent = bytes[end + 1];
  if (sent === undefined) return "wait";
  const extent = end + 2 - at;
  if (sevenBits(sent, carried) !== check) return { reason: "bcc", extent };
  const text = textOf(bytes.subarray(at + 1, end));
  // A block check alone is weak: STX ETX ETX passes it.
  if (!text.endsWith("!\r\n")) return { reason: "no-end", extent };
  return { length: extent, telegram: { kind: "readout", text: text.slice(0, -3) } };
}

type Push = Opening & { readonly end: number; readonly identification: Identification };

function pushed(bytes: Uint8Array, at: number, push: Push): Look<IecMessage> {
  const { end, carried, identification, expected, ended } = push;
  const mark = bytes.indexOf(exclamation, end);
  if (mark < 0 || mark - at > readoutBytesMax) {
    return bytes.length - at > readoutBytesMax ? { reason: "too-long" } : "wait";
  }
  const extent = mark + 1 - at;
  const body = bytes.subarray(end, mark);
  if (body.some((byte) => sevenBits(byte, carried) === undefined)) {
    return { reason: "parity", extent };
  }
  const after = lineEnd(bytes, mark + 1, carried);
  if (after === "wait" && !ended) return "wait";
  const length = after === "wait" ? extent : after - at;
  if (after === mark + 1) return { reason: "no-end", extent };
  if (expected === "any") {
    // ETX behind the end: a readout with block check, whose STX is missing.
    if (bytes[at + length] === undefined && !ended) return "wait";
    if (bytes[at + length] === etx) return { reason: "no-start", extent: length + 2 };
  }
  const text = textOf(body);
  if (parseDataSets(text).strange.length > 0) return { reason: "grammar", extent };
  return { length, telegram: { kind: "push", identification, text } };
}

/** Behind CR LF, or LF alone; `from` when there is neither. */
function lineEnd(bytes: Uint8Array, from: number, carried: Carried): number | "wait" {
  let at = from;
  for (const character of [carriageReturn, lineFeed]) {
    const byte = bytes[at];
    if (byte === undefined) return "wait";
    if (sevenBits(byte, carried) === character) at += 1;
    else if (character === lineFeed) return from;
  }
  return at;
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.map((byte) => byte & 0x7f)).toString("latin1");
