import { type SmlChecksum, smlChecksum } from "./checksum.ts";

/** A transmission whose checksum holds. `offset` counts from the first byte of the stream. */
export type SmlFrame = {
  readonly kind: "frame";
  readonly offset: number;
  readonly checksum: SmlChecksum;
  /** The SML file, without escapes and fill bytes. */
  readonly payload: Uint8Array;
};

/** Bytes that belong to no transmission. */
export type SmlDamage = {
  readonly kind: "damage";
  readonly offset: number;
  readonly reason: "noise" | "crc" | "cut" | "escape" | "length";
  readonly bytes: Uint8Array;
};

/**
 * The longest transmission that is waited for. The longest seen in the field is below 1 kB; a meter
 * that pushes every second at 9600 baud cannot send more. Bounds all that is buffered.
 */
export const smlBytesMax = 8192;
/** Damage is reported in pieces of this size, so that endless noise is not kept. */
const damageBytesMax = 512;
/** The standard says 3; a DZG meter sends 4 (github.com/spacemanspiff2007/SmlLib tests/test_frames.py). */
const fillBytesMax = 4;

const esc = 0x1b;
const start = Uint8Array.of(esc, esc, esc, esc, 1, 1, 1, 1);
const tailBytes = 8;

/** Where a transmission ends: `end` is the place of the escape before 1a. */
type Found = { readonly end: number; readonly checksum: SmlChecksum };
type Verdict = Found | SmlDamage["reason"] | "wait";

/**
 * Cuts a stream of bytes into transmissions of SML's transport protocol, version 1. A transmission is
 * believed only when its checksum holds; after damage the search resumes one byte after the false
 * start, so that a cut transmission costs only itself. How the stream was chunked changes nothing.
 * Source: SML 1.04 (BSI TR-03109-1) chapter 8.
 */
export class SmlFramer {
  #buffer = new Uint8Array(0);
  #offset = 0;
  /** How far the transmission at the buffer's start was looked through. */
  #scanned = start.length;
  #damage: { offset: number; reason: SmlDamage["reason"]; bytes: number[] } | undefined;

  /** Everything that `chunk` completes. */
  *push(chunk: Uint8Array): Generator<SmlFrame | SmlDamage> {
    const joined = new Uint8Array(this.#buffer.length + chunk.length);
    joined.set(this.#buffer);
    joined.set(chunk, this.#buffer.length);
    this.#buffer = joined;
    yield* this.#drain(false);
  }

  /** Ends the stream: what is left can grow no further. */
  *end(): Generator<SmlFrame | SmlDamage> {
    yield* this.#drain(true);
    yield* this.#flushDamage();
  }

  *#drain(ended: boolean): Generator<SmlFrame | SmlDamage> {
    let at = 0;
    while (at < this.#buffer.length) {
      const verdict = this.#frameAt(at);
      if (verdict === "wait" && !ended) break;
      if (typeof verdict === "string") {
        this.#skip(at, verdict === "wait" ? "cut" : verdict);
        at += 1;
        if ((this.#damage?.bytes.length ?? 0) >= damageBytesMax) yield* this.#flushDamage();
      } else {
        yield* this.#flushDamage();
        yield this.#read(at, verdict);
        at = verdict.end + tailBytes;
      }
      this.#scanned = start.length;
    }
    this.#buffer = this.#buffer.slice(at);
    this.#offset += at;
  }

  #frameAt(at: number): Verdict {
    const bytes = this.#buffer;
    for (const [i, byte] of start.entries()) {
      if (at + i >= bytes.length) return "wait";
      if (bytes[at + i] !== byte) return "noise";
    }
    let i = at + this.#scanned;
    for (;;) {
      if (i + tailBytes - at > smlBytesMax) return "length";
      const run = escapesAt(bytes, i);
      const known = bytes.length - i;
      if (run < 4) {
        // Fewer than four in a row are data.
        if (run === known) break;
        i += run + 1;
      } else if (run === 8) i += 8;
      else if (run === known) break;
      else if (bytes[i + run] !== 0x1a) return "escape";
      // Data that ends in 1b stands before the end's own escape.
      else if (run > 4) i += run - 4;
      else if (known < tailBytes) break;
      else return this.#endAt(at, i);
    }
    this.#scanned = i - at;
    return "wait";
  }

  #endAt(at: number, end: number): Verdict {
    const bytes = this.#buffer;
    const sent = ((bytes[end + 6] ?? 0) << 8) | (bytes[end + 7] ?? 0);
    const checksum = smlChecksum(bytes, { from: at, to: end + 6 }, sent);
    const fill = bytes[end + 5] ?? 0;
    if (checksum === undefined || fill > fillBytesMax) return "crc";
    return fill > end - at - start.length ? "crc" : { end, checksum };
  }

  #read(at: number, { end, checksum }: Found): SmlFrame {
    const body = withoutEscapes(this.#buffer.subarray(at + start.length, end));
    const payload = body.slice(0, body.length - (this.#buffer[end + 5] ?? 0));
    return { kind: "frame", offset: this.#offset + at, checksum, payload };
  }

  #skip(at: number, reason: SmlDamage["reason"]): void {
    this.#damage ??= { offset: this.#offset + at, reason, bytes: [] };
    this.#damage.bytes.push(this.#buffer[at] ?? 0);
  }

  *#flushDamage(): Generator<SmlDamage> {
    if (this.#damage === undefined) return;
    const { offset, reason, bytes } = this.#damage;
    this.#damage = undefined;
    yield { kind: "damage", offset, reason, bytes: Uint8Array.from(bytes) };
  }
}

/** How many escape bytes follow one another here; 8, which is four of data, at most. */
function escapesAt(bytes: Uint8Array, at: number): number {
  let run = 0;
  while (run < 8 && bytes[at + run] === esc) run += 1;
  return run;
}

/** Data with each eight escape bytes made the four that they stand for. */
function withoutEscapes(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let i = 0; i < bytes.length; ) {
    const run = escapesAt(bytes, i);
    out.push(...bytes.subarray(i, i + (run === 8 ? 4 : run + 1)));
    i += run === 8 ? 8 : run + 1;
  }
  return Uint8Array.from(out);
}
