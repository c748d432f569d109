import { Failure } from "@busbar/protocol";

/** Longest request: a block of CometBFT's greatest size, 100 MiB, and what is around it. */
const bytesMax = 128 * 1024 * 1024;
/** A length up to `bytesMax` takes four bytes of seven bits. */
const lengthBytesMax = 4;

/** One message as it goes over the socket: its length as an unsigned varint, then its bytes. */
export function framed(message: Uint8Array): Uint8Array {
  const head: number[] = [];
  for (let left = message.length; ; left = Math.floor(left / 128)) {
    const more = left >= 128;
    head.push((left % 128) + (more ? 128 : 0));
    if (!more) break;
  }
  const out = new Uint8Array(head.length + message.length);
  out.set(head);
  out.set(message, head.length);
  return out;
}

/** Cuts a stream into the messages of ABCI's socket, however its bytes come. */
export class Frames {
  readonly #max: number;
  #head: number[] = [];
  /** The message at work, as long as it will be; undefined while its length is read. However small the
   * pieces are that it comes in, it takes no more than its own length. */
  #message: Uint8Array | undefined;
  #filled = 0;

  constructor(max = bytesMax) {
    this.#max = max;
  }

  /** The messages that end in this chunk, which is kept until they do. Throws: `Failure` `cometbft.frame` for a length that none has. */
  push(chunk: Uint8Array): Uint8Array[] {
    const done: Uint8Array[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (this.#message === undefined) {
        this.#lengthByte(chunk[at] ?? 0);
        at += 1;
      } else {
        const part = chunk.subarray(at, at + this.#message.length - this.#filled);
        this.#message.set(part, this.#filled);
        this.#filled += part.length;
        at += part.length;
      }
      if (this.#message?.length !== this.#filled) continue;
      done.push(this.#message);
      this.#message = undefined;
    }
    return done;
  }

  #lengthByte(byte: number): void {
    this.#head.push(byte & 0x7f);
    if (byte >= 0x80 && this.#head.length < lengthBytesMax) return;
    const length = this.#head.reduceRight((sum, digit) => sum * 128 + digit, 0);
    if (byte >= 0x80 || length > this.#max) {
      const message = `expected a message of at most ${this.#max} bytes behind its length as an unsigned varint; is this CometBFT v0.38?`;
      throw new Failure("cometbft.frame", message, { retry: "never" });
    }
    this.#head = [];
    this.#message = Buffer.alloc(length);
    this.#filled = 0;
  }
}
