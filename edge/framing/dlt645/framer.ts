import { checksum, dataOffset } from "./frame.ts";

/** A frame whose checksum holds. `data` is without the offset 33h; `bytes` are as on the wire. */
export type Dlt645Telegram = {
  readonly kind: "telegram";
  readonly offset: number;
  /** Twelve digits as on the plate, the most significant first. */
  readonly address: string;
  readonly control: number;
  readonly data: Uint8Array;
  readonly bytes: Uint8Array;
};

/** Bytes that belong to no telegram. `offset` counts from the first byte of the stream. */
export type Dlt645Damage = {
  readonly kind: "damage";
  readonly offset: number;
  readonly reason: "start" | "length" | "checksum" | "end" | "cut";
  readonly bytes: Uint8Array;
};

/** §5.1.5: at most 200 bytes of data when reading. Bounds all that is buffered. */
const dataBytesMax = 200;
const headBytes = 10;
const frameBytesMax = headBytes + dataBytesMax + 2;
const preamble = 0xfe;

/**
 * Cuts a stream, both directions mixed, into telegrams without any timing: a length is believed only
 * when checksum and end hold, and after damage the search resumes one byte further on. The preamble
 * FE FE … before a telegram is neither part of it nor damage. How the stream was chunked changes
 * nothing. Buffers at most one frame plus the chunk.
 */
export class Dlt645Framer {
  #buffer: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #damage: { offset: number; reason: Dlt645Damage["reason"]; bytes: number[] } | undefined;

  /** Everything that `chunk` completes. */
  *push(chunk: Uint8Array): Generator<Dlt645Telegram | Dlt645Damage> {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    yield* this.#drain(false);
  }

  /** Ends the stream: what is left can grow no further. */
  *end(): Generator<Dlt645Telegram | Dlt645Damage> {
    yield* this.#drain(true);
    yield* this.#flushDamage();
  }

  *#drain(ended: boolean): Generator<Dlt645Telegram | Dlt645Damage> {
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
      yield* this.#flushDamage({ beforeTelegram: true });
      yield read(this.#buffer.slice(at, at + found), this.#offset + at);
      at += found;
    }
    this.#buffer = this.#buffer.slice(at);
    this.#offset += at;
  }

  *#flushDamage({ beforeTelegram = false } = {}): Generator<Dlt645Damage> {
    if (this.#damage === undefined) return;
    const { offset, reason, bytes } = this.#damage;
    this.#damage = undefined;
    const last = beforeTelegram ? bytes.findLastIndex((byte) => byte !== preamble) : bytes.length;
    const kept = Uint8Array.from(bytes.slice(0, last + 1));
    if (kept.length > 0) yield { kind: "damage", offset, reason, bytes: kept };
  }
}

/** The length of the frame that starts here, why none does, or "wait" while that is open. */
function frameAt(
  bytes: Uint8Array,
  at: number,
  ended: boolean,
): number | Dlt645Damage["reason"] | "wait" {
  const short = ended ? "cut" : "wait";
  if (bytes[at] !== 0x68) return "start";
  if (at + 7 >= bytes.length) return short;
  if (bytes[at + 7] !== 0x68) return "start";
  const size = bytes[at + 9];
  if (size === undefined) return short;
  if (size > dataBytesMax) return "length";
  const end = at + headBytes + size;
  if (end + 1 >= bytes.length) return short;
  if (bytes[end + 1] !== 0x16) return "end";
  return bytes[end] === checksum(bytes, at, end) ? end + 2 - at : "checksum";
}

function read(bytes: Uint8Array, offset: number): Dlt645Telegram {
  return {
    kind: "telegram",
    offset,
    address: Buffer.from(bytes.slice(1, 7)).reverse().toString("hex").toUpperCase(),
    control: bytes[8] ?? 0,
    data: Uint8Array.from(bytes.slice(headBytes, -2), (byte) => byte - dataOffset),
    bytes: Uint8Array.from(bytes),
  };
}
