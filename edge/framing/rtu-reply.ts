import { crcHolds } from "./crc16.ts";
import { RtuFramer } from "./modbus-rtu.ts";
import type { ReplyShape } from "./unanswered.ts";

/** Where the answer to a read stands among received bytes. */
export type Found = { readonly at: number; readonly length: number };

/**
 * The first place where a reply of exactly this unit, function and length, or this unit's exception
 * to the function, ends in a right checksum. What stands around it does not matter.
 */
export function findRtuReply(bytes: Uint8Array, asked: ReplyShape): Found | undefined {
  const { unit, function: code, count } = asked;
  for (let at = 0; at + 5 <= bytes.length; at += 1) {
    if (bytes[at] !== unit) continue;
    const length = bytes[at + 1] === code && bytes[at + 2] === 2 * count ? 5 + 2 * count : 5;
    const header = length > 5 || bytes[at + 1] === (code | 0x80);
    if (header && crcHolds(bytes, at, length)) return { at, length };
  }
  return undefined;
}

/** What bytes that answer nothing turned out to be. */
export type Discarded =
  | { readonly kind: "echo" }
  | { readonly kind: "noise"; readonly length: number }
  | { readonly kind: "foreign" }
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
      return { kind: ours ? "echo" : "foreign" };
    }
    return {
      kind: "answer",
      unit: item.unit,
      function: item.function,
      count: item.registers?.length,
    };
  });
}
