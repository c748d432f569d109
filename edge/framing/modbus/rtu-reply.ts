import { crcHolds } from "./crc16.ts";
import { RtuFramer } from "./rtu.ts";
import type { ReplyShape } from "./unanswered.ts";

/** Where the answer to a read stands among received bytes. */
export type Found = { readonly at: number; readonly length: number };

const requestBytes = 8;

/**
 * The first place where a reply of exactly this unit, function and length, or this unit's exception
 * to the function, ends in a right checksum. What stands around it does not matter, but for another
 * master's read of the same unit, a request that is not `sent`: the first reply to it is not ours.
 */
export function findRtuReply(
  bytes: Uint8Array,
  asked: ReplyShape & {
    readonly sent?: Uint8Array | undefined;
    /** Places that no frame spans. */
    readonly seams?: readonly number[];
  },
): Found | undefined {
  const { unit, function: code, count, reply, sent, seams = [] } = asked;
  if (reply !== undefined) return findWhole(bytes, { unit, code, reply, seams });
  let owed: number | undefined;
  for (let at = 0; at + 5 <= bytes.length; at += 1) {
    if (bytes[at] !== unit) continue;
    const length = bytes[at + 1] === code && bytes[at + 2] === 2 * count ? 5 + 2 * count : 5;
    const header = length > 5 || bytes[at + 1] === (code | 0x80);
    const whole = !seams.some((seam) => seam > at && seam < at + length);
    if (header && whole && crcHolds(bytes, at, length)) {
      if (owed === undefined || (length > 5 && owed !== count)) return { at, length };
      owed = undefined;
      at += length - 1;
    } else if (sent !== undefined && isForeign(bytes, at, { sent, code })) {
      // After the reply: the first 8 of a reply's 9 bytes pass for a request once in 256 times.
      owed = ((bytes[at + 4] ?? 0) << 8) | (bytes[at + 5] ?? 0);
      at += requestBytes - 1;
    }
  }
  return undefined;
}

/** The first place where a write's answer stands as it must be, or its exception. */
function findWhole(
  bytes: Uint8Array,
  asked: {
    readonly unit: number;
    readonly code: number;
    readonly reply: Uint8Array;
    readonly seams: readonly number[];
  },
): Found | undefined {
  const { unit, code, reply, seams } = asked;
  for (let at = 0; at + 5 <= bytes.length; at += 1) {
    if (bytes[at] !== unit) continue;
    const isException = bytes[at + 1] === (code | 0x80);
    const length = isException ? 5 : reply.length;
    const isWhole = !seams.some((seam) => seam > at && seam < at + length);
    const fits = isException || Buffer.compare(bytes.subarray(at, at + length), reply) === 0;
    if (isWhole && fits && at + length <= bytes.length && crcHolds(bytes, at, length)) {
      return { at, length };
    }
  }
  return undefined;
}

function isForeign(
  bytes: Uint8Array,
  at: number,
  { sent, code }: { readonly sent: Uint8Array; readonly code: number },
): boolean {
  if (bytes[at + 1] !== code || bytes.length - at < requestBytes) return false;
  if (!crcHolds(bytes, at, requestBytes)) return false;
  return Buffer.compare(bytes.subarray(at, at + requestBytes), sent) !== 0;
}

/** What bytes that answer nothing turned out to be. */
export type Discarded =
  | { readonly kind: "echo" }
  | { readonly kind: "noise"; readonly length: number }
  | { readonly kind: "foreign"; readonly shape: ReplyShape }
  | {
      readonly kind: "answer";
      readonly unit: number;
      readonly function: number;
      readonly count: number | undefined;
    };

/** Names bytes that were not taken as an answer; `sent` is our last request, to know its echo. */
export function nameDiscarded(bytes: Uint8Array, sent: Uint8Array | undefined): Discarded[] {
  const framer = new RtuFramer();
  return [...framer.push(bytes), ...framer.end()].map((item) => {
    if (item.kind === "damage") return { kind: "noise", length: item.bytes.length };
    if (item.kind === "request") {
      const ours = sent !== undefined && Buffer.compare(item.bytes, sent) === 0;
      const { unit, function: code, count = 0 } = item;
      return ours ? { kind: "echo" } : { kind: "foreign", shape: { unit, function: code, count } };
    }
    return {
      kind: "answer",
      unit: item.unit,
      function: item.function,
      count: item.registers?.length,
    };
  });
}
