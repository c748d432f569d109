/** Bytes of the length before each message, big endian. */
const prefixBytes = 4;

/** Room that a message gets before its bytes have come; what was only announced costs no memory. */
const firstRoom = 64 * 1024;

/** Says "I am here" and nothing else. */
export const heartbeat: Uint8Array = new Uint8Array(prefixBytes);

/** A message as it travels: its length, then itself. */
export function framed(message: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame.writeUInt32BE(message.length);
  frame.set(message, prefixBytes);
  return frame;
}

/**
 * Puts the bytes of a stream together into messages again, whatever pieces they come in. The memory it
 * takes follows the bytes that came, not the length that was announced.
 */
export class FrameReader {
  readonly #bytesMax: number;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixHas = 0;
  /** The message under way: its length, its bytes so far. */
  #length = 0;
  #has = 0;
  #room = Buffer.alloc(0);

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Calls `onMessage` for each message that is whole now; a heartbeat is one without bytes.
   * Returns false, for good, at a length above the most: the stream has to be closed.
   */
  push(chunk: Uint8Array, onMessage: (message: Uint8Array) => void): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#prefixHas < prefixBytes) {
        const taken = chunk.subarray(at, at + prefixBytes - this.#prefixHas);
        this.#prefix.set(taken, this.#prefixHas);
        this.#prefixHas += taken.length;
        at += taken.length;
        if (this.#prefixHas < prefixBytes) return true;
        this.#length = this.#prefix.readUInt32BE();
        if (this.#length > this.#bytesMax) {
          this.#prefixHas = 0;
          this.#length = 0;
          return false;
        }
      }
      const taken = chunk.subarray(at, at + this.#length - this.#has);
      this.#append(taken);
      at += taken.length;
      if (this.#has === this.#length) onMessage(this.#take());
    }
    return true;
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#has + bytes.length;
    if (needed > this.#room.length) {
      const room = Math.min(this.#length, Math.max(needed, firstRoom, 2 * this.#room.length));
      const larger = Buffer.allocUnsafeSlow(room);
      larger.set(this.#room.subarray(0, this.#has));
      this.#room = larger;
    }
    this.#room.set(bytes, this.#has);
    this.#has = needed;
  }

  #take(): Uint8Array {
    const { buffer } = this.#room;
    const message = new Uint8Array(buffer, 0, this.#length);
    this.#room = Buffer.alloc(0);
    this.#has = 0;
    this.#length = 0;
    this.#prefixHas = 0;
    return message;
  }
}
