import { crcHolds } from "../framing/modbus/crc16.ts";
import { RtuFramer } from "../framing/modbus/rtu.ts";

/** What came after one question, as it came. `firstMs`: from the question to the first byte that is no echo. */
export type Heard = {
  readonly request: Uint8Array;
  readonly bytes: Uint8Array;
  readonly firstMs: number | undefined;
};

/**
 * What the bytes after a question are.
 *
 * - `silent`: nothing. `clean`: one whole answer, nothing else. `twice`: more than one whole answer.
 * - `mixed`: a whole answer between bytes that are none. `garbled`: bytes, and no whole answer.
 */
export type ExchangeKind = "silent" | "clean" | "twice" | "mixed" | "garbled";

/** One question, and what became of it. */
export type Exchange = {
  readonly kind: ExchangeKind;
  /** What the unit said, the frame without its checksum in hexadecimal digits, in order. */
  readonly answers: readonly string[];
  /** Registers were answered; false for an exception and for none. */
  readonly hasData: boolean;
  /** The adapter heard its own question: whole, or with wrong bits in it. */
  readonly echo: "none" | "whole" | "damaged";
  /** Bytes that belong to no answer. */
  readonly strays: number;
  /** Units that answered though another one was asked. */
  readonly others: readonly number[];
  readonly firstMs: number | undefined;
};

/** A wrong bit or two of eight bytes is an echo still; what a meter says is another thing altogether. */
const echoBytesMin = 5;

/** Names what came after a Modbus RTU read of registers. Never throws, whatever came. */
export function nameExchange({ request, bytes, firstMs }: Heard): Exchange {
  const echo = echoOf(request, bytes);
  const rest = echo === "none" ? bytes : bytes.subarray(request.length);
  const [unit = 0, code = 0] = request;
  const count = ((request[4] ?? 0) << 8) | (request[5] ?? 0);
  const answers: string[] = [];
  const left: number[] = [];
  let hasData = false;
  for (let at = 0; at < rest.length; ) {
    const length = answerAt(rest, at, { unit, code, count });
    if (length === undefined) {
      left.push(rest[at] ?? 0);
      at += 1;
      continue;
    }
    hasData ||= length > 5;
    answers.push(Buffer.from(rest.subarray(at, at + length - 2)).toString("hex"));
    at += length;
  }
  const others = othersIn(Uint8Array.from(left), unit);
  const strays = left.length;
  const kind = kindOf(answers.length, strays);
  return { kind, answers, hasData, echo, strays, others, firstMs };
}

function kindOf(answers: number, strays: number): ExchangeKind {
  if (answers > 1) return "twice";
  if (answers === 1) return strays === 0 ? "clean" : "mixed";
  return strays === 0 ? "silent" : "garbled";
}

function echoOf(request: Uint8Array, bytes: Uint8Array): Exchange["echo"] {
  const head = bytes.subarray(0, request.length);
  if (head.length < request.length) return "none";
  const same = head.reduce((sum, byte, i) => sum + (byte === request[i] ? 1 : 0), 0);
  if (same === request.length) return "whole";
  return same >= echoBytesMin ? "damaged" : "none";
}

/** The length of the answer, or exception, of this unit that starts here; undefined where none does. */
function answerAt(
  bytes: Uint8Array,
  at: number,
  { unit, code, count }: { readonly unit: number; readonly code: number; readonly count: number },
): number | undefined {
  if (bytes[at] !== unit) return undefined;
  const isData = bytes[at + 1] === code && bytes[at + 2] === 2 * count;
  const isException = bytes[at + 1] === (code | 0x80);
  const length = isData ? 5 + 2 * count : 5;
  return (isData || isException) && crcHolds(bytes, at, length) ? length : undefined;
}

function othersIn(bytes: Uint8Array, unit: number): number[] {
  const framer = new RtuFramer();
  const items = [...framer.push(bytes), ...framer.end()];
  const units = items.flatMap((item) =>
    item.kind === "response" || item.kind === "exception" ? [item.unit] : [],
  );
  return [...new Set(units)].filter((other) => other !== unit);
}

/** What came while nobody asked. */
export type Idle = {
  readonly ms: number;
  readonly bytes: number;
  /** Of them, zeros and ones all through: what a receiver makes of a line that rests the wrong way round. */
  readonly levels: number;
  /** Whole questions: another master is on the line. */
  readonly requests: number;
};

/** Names what came on a line while nobody asked for `ms`. */
export function nameIdle(bytes: Uint8Array, ms: number): Idle {
  const framer = new RtuFramer();
  const items = [...framer.push(bytes), ...framer.end()];
  const requests = items.filter(({ kind }) => kind === "request").length;
  const levels = bytes.filter((byte) => byte === 0x00 || byte === 0xff).length;
  return { ms, bytes: bytes.length, levels, requests };
}
