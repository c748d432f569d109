import { acknowledge, checksum } from "./frame.ts";

/** A frame whose checksum holds; `data` is what follows the CI field. */
export type MbusTelegram = { readonly offset: number; readonly bytes: Uint8Array } & (
  | { readonly kind: "acknowledge" }
  | { readonly kind: "short"; readonly control: number; readonly address: number }
  | {
      readonly kind: "long";
      readonly control: number;
      readonly address: number;
      readonly ci: number;
      readonly data: Uint8Array;
    }
);

/** Bytes that belong to no telegram. `offset` counts from the first byte of the stream. */
export type MbusDamage = {
  readonly kind: "damage";
  readonly offset: number;
  readonly reason: "start" | "checksum" | "end" | "cut";
  readonly bytes: Uint8Array;
};

/** L is one byte and counts from the C field: EN 13757-2 §5.3. Bounds all that is buffered. */
const frameBytesMax = 261;
const shortBytes = 5;
/** Commands that fit into a short frame: SND_NKE, REQ_SKE, REQ_UD1 and 2, with either FCB. */
const shortControls = new Set([0x40, 0x49, 0x5a, 0x5b, 0x7a, 0x7b]);

/**
 * Cuts a stream, both directions mixed, into telegrams without any timing: a length is believed only
 * when checksum and end hold, and after damage the search resumes one byte further on. How the
 * stream was chunked changes nothing. Buffers at most one frame plus the chunk. An E5h between
 * frames, even in noise, counts as the single character; it carries nothing that could be wrong.
 */
export class MbusFramer {
  #buffer: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #damage: { offset: number; reason: MbusDamage["reason"]; bytes: number[] } | undefined;

  /** Everything that `chunk` completes. */
  *push(chunk: Uint8Array): Generator<MbusTelegram | MbusDamage> {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    yield* this.#drain(false);
  }

  /** Ends the stream: what is left can grow no further. */
  *end(): Generator<MbusTelegram | MbusDamage> {
    yield* this.#drain(true);
    yield* this.#flushDamage();
  }

  *#drain(ended: boolean): Generator<MbusTelegram | MbusDamage> {
    let at = 0;
    while (at < this.#buffer.length) {
      const found = frameAt(this.#buffer, at, ended);
      if (found === "wait") break;
      if (typeof found === "string") {
        this.#damage ??= { offset: this.#offset + at, reason: found, bytes: [] };
        this.#damage.bytes.push(this.#buffer[at] ?? 0);
        at += 1;
        if (this.#damage.bytes.length >= frameBytesMax) yield* this.#flushDamage();
        continue;
      }
      yield* this.#flushDamage();
      yield read(Uint8Array.from(this.#buffer.slice(at, at + found)), this.#offset + at);
      at += found;
    }
    this.#buffer = this.#buffer.slice(at);
    this.#offset += at;
  }

  *#flushDamage(): Generator<MbusDamage> {
    if (this.#damage === undefined) return;
    const { offset, reason, bytes } = this.#damage;
    this.#damage = undefined;
    yield { kind: "damage", offset, reason, bytes: Uint8Array.from(bytes) };
  }
}

/** The length of the frame that starts here, why none does, or "wait" while that is open. */
function frameAt(
  bytes: Uint8Array,
  at: number,
  ended: boolean,
): number | MbusDamage["reason"] | "wait" {
  const short = ended ? "cut" : "wait";
  const start = bytes[at];
  if (start === acknowledge) return 1;
  if (start === 0x10) {
    const control = bytes[at + 1];
    if (control !== undefined && !shortControls.has(control)) return "start";
    if (at + shortBytes > bytes.length) return short;
    return verdict(bytes, at, at + 1, shortBytes);
  }
  if (start !== 0x68) return "start";
  const length = bytes[at + 1];
  if (length === undefined) return short;
  if (length < 3) return "start";
  if ((bytes[at + 2] ?? length) !== length || (bytes[at + 3] ?? 0x68) !== 0x68) return "start";
  const total = length + 6;
  if (at + total > bytes.length) return short;
  return verdict(bytes, at, at + 4, total);
}

/** Whether checksum and end hold for the frame of that length. */
function verdict(
  bytes: Uint8Array,
  at: number,
  from: number,
  length: number,
): number | "checksum" | "end" {
  const last = at + length - 1;
  if (bytes[last] !== 0x16) return "end";
  return bytes[last - 1] === checksum(bytes, from, last - 1) ? length : "checksum";
}

function read(bytes: Uint8Array, offset: number): MbusTelegram {
  if (bytes[0] === acknowledge) return { kind: "acknowledge", offset, bytes };
  const at = bytes[0] === 0x10 ? 1 : 4;
  const [control = 0, address = 0, ci = 0] = bytes.slice(at);
  if (at === 1) return { kind: "short", offset, bytes, control, address };
  return { kind: "long", offset, bytes, control, address, ci, data: bytes.slice(7, -2) };
}
