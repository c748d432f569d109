import { crcHolds } from "./crc16.ts";

/** A telegram of the RTU line. Addresses are zero-based, `registers` are unsigned 16-bit words. */
export type RtuTelegram = {
  readonly kind: "request" | "response" | "exception";
  readonly offset: number;
  readonly unit: number;
  readonly function: number;
  /** For a response: taken from the request it answers, when that was on the line just before. */
  readonly address: number | undefined;
  readonly count: number | undefined;
  readonly registers: readonly number[] | undefined;
  readonly exception: number | undefined;
  readonly bytes: Uint8Array;
};

/** Bytes that belong to no telegram. `offset` counts from the first byte of the stream. */
export type RtuDamage = {
  readonly kind: "damage";
  readonly offset: number;
  readonly reason: "crc" | "unknown-function" | "cut";
  readonly bytes: Uint8Array;
};

/** The longest serial frame: Modbus over Serial Line V1.02 §2.5.1. Bounds all that is buffered. */
const frameBytesMax = 256;

type Shape = { readonly kind: RtuTelegram["kind"]; readonly length: number };

/**
 * Cuts a stream of RTU bytes, both directions mixed, into telegrams without any timing: a length is
 * believed only when its CRC holds, and after damage the search resumes one byte further on. How
 * the stream was chunked changes nothing. Buffers at most one frame plus the chunk.
 */
export class RtuFramer {
  #buffer = new Uint8Array(0);
  #offset = 0;
  #damage: { offset: number; reason: RtuDamage["reason"]; bytes: number[] } | undefined;
  #request: RtuTelegram | undefined;

  /** Everything that `chunk` completes. */
  *push(chunk: Uint8Array): Generator<RtuTelegram | RtuDamage> {
    const joined = new Uint8Array(this.#buffer.length + chunk.length);
    joined.set(this.#buffer);
    joined.set(chunk, this.#buffer.length);
    this.#buffer = joined;
    yield* this.#drain(false);
  }

  /** Ends the stream: what is left can grow no further. */
  *end(): Generator<RtuTelegram | RtuDamage> {
    yield* this.#drain(true);
    yield* this.#flushDamage();
  }

  *#drain(ended: boolean): Generator<RtuTelegram | RtuDamage> {
    let at = 0;
    while (at < this.#buffer.length) {
      const found = this.#frameAt(at, ended);
      if (found === "wait") break;
      if (typeof found === "string") {
        this.#skip(at, found);
        at += 1;
        if ((this.#damage?.bytes.length ?? 0) >= frameBytesMax) yield* this.#flushDamage();
        continue;
      }
      yield* this.#flushDamage();
      const telegram = this.#read(at, found);
      this.#request = telegram.kind === "request" ? telegram : undefined;
      yield telegram;
      at += found.length;
    }
    this.#buffer = this.#buffer.slice(at);
    this.#offset += at;
  }

  #frameAt(at: number, ended: boolean): Shape | RtuDamage["reason"] | "wait" {
    const known = this.#buffer.length - at;
    if (known < 2) return ended ? "cut" : "wait";
    const shapes = shapesAt(this.#buffer, at, this.#request);
    if (shapes === "unknown-function") return shapes;
    let cut = false;
    for (const shape of shapes) {
      if (shape === "wait" || shape.length > known) {
        if (!ended) return "wait";
        cut = true;
      } else if (crcHolds(this.#buffer, at, shape.length)) return shape;
    }
    return cut ? "cut" : "crc";
  }

  #skip(at: number, reason: RtuDamage["reason"]): void {
    this.#damage ??= { offset: this.#offset + at, reason, bytes: [] };
    this.#damage.bytes.push(this.#buffer[at] ?? 0);
  }

  *#flushDamage(): Generator<RtuDamage> {
    if (this.#damage === undefined) return;
    const { offset, reason, bytes } = this.#damage;
    this.#damage = undefined;
    yield { kind: "damage", offset, reason, bytes: Uint8Array.from(bytes) };
  }

  #read(at: number, { kind, length }: Shape): RtuTelegram {
    const bytes = this.#buffer.slice(at, at + length);
    const code = (bytes[1] ?? 0) & 0x7f;
    const asked = answers(this.#request, bytes, kind) ? this.#request : undefined;
    const reads = code === 3 || code === 4;
    return {
      kind,
      offset: this.#offset + at,
      unit: bytes[0] ?? 0,
      function: code,
      address: kind === "request" ? word(bytes, 2) : asked?.address,
      count: kind === "request" ? word(bytes, 4) : asked?.count,
      registers: kind === "response" && reads ? words(bytes, 3, (bytes[2] ?? 0) / 2) : undefined,
      exception: kind === "exception" ? bytes[2] : undefined,
      bytes,
    };
  }
}

/**
 * What may start here, in the order to try. A reply that the request before it foretells comes
 * first: its first 8 bytes pass for a request once in 65 536 times.
 */
function shapesAt(
  bytes: Uint8Array,
  at: number,
  request: RtuTelegram | undefined,
): (Shape | "wait")[] | "unknown-function" {
  const code = bytes[at + 1] ?? 0;
  if (code >= 0x80)
    return known(code & 0x7f) ? [{ kind: "exception", length: 5 }] : "unknown-function";
  if (!known(code)) return "unknown-function";
  if (code === 5 || code === 6) {
    return [{ kind: asksFor(request, bytes, at) ? "response" : "request", length: 8 }];
  }
  if (code === 15 || code === 16) {
    const size = bytes[at + 6];
    const long: Shape | "wait" =
      size === undefined ? "wait" : { kind: "request", length: 9 + size };
    return [{ kind: "response", length: 8 }, long];
  }
  const size = bytes[at + 2];
  if (size === undefined) return ["wait"];
  const reply: Shape = { kind: "response", length: 5 + size };
  const replies = size > 0 && size <= frameBytesMax - 6 && (code < 3 || size % 2 === 0);
  const ask: Shape = { kind: "request", length: 8 };
  if (!replies) return [ask];
  const foretold = asksFor(request, bytes, at) && replyBytes(request) === size;
  return foretold || reply.length < ask.length ? [reply, ask] : [ask, reply];
}

function asksFor(
  request: RtuTelegram | undefined,
  bytes: Uint8Array,
  at: number,
): request is RtuTelegram {
  return (
    request !== undefined &&
    request.unit === bytes[at] &&
    request.function === ((bytes[at + 1] ?? 0) & 0x7f)
  );
}

function replyBytes({ function: code, count = 0 }: RtuTelegram): number {
  return code < 3 ? Math.ceil(count / 8) : 2 * count;
}

function answers(
  request: RtuTelegram | undefined,
  bytes: Uint8Array,
  kind: RtuTelegram["kind"],
): request is RtuTelegram {
  if (kind === "request" || !asksFor(request, bytes, 0)) return false;
  return kind === "exception" || request.function > 4 || replyBytes(request) === bytes[2];
}

const known = (code: number): boolean => (code >= 1 && code <= 6) || code === 15 || code === 16;

const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

const words = (bytes: Uint8Array, at: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => word(bytes, at + 2 * i));
