/** A frame of DL/T 645-2007; address bytes in the wire's order, data without the offset of 33h. */
export type Frame = {
  readonly address: Uint8Array;
  readonly code: number;
  readonly data: Uint8Array;
};

const start = 0x68;
const stop = 0x16;
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) % 256, 0);

/** Writes a frame with `leaders` FE bytes before it. */
export function writeFrame({ address, code, data }: Frame, leaders: number): Uint8Array {
  const shifted = data.map((byte) => (byte + 0x33) % 256);
  const frame = Uint8Array.of(start, ...address, start, code, data.length, ...shifted);
  return Uint8Array.of(...new Uint8Array(leaders).fill(0xfe), ...frame, sum(frame), stop);
}

/** Collects bytes and gives the requests in them; all that is no frame is thrown away. */
export class RequestReader {
  #bytes: number[] = [];

  push(chunk: Uint8Array): Frame[] {
    this.#bytes.push(...chunk);
    const frames: Frame[] = [];
    while (this.#bytes.length > 0) {
      const frame = this.#first();
      if (frame === "incomplete") break;
      if (frame === undefined) this.#bytes.shift();
      else frames.push(frame);
    }
    return frames;
  }

  /** The line was silent: an incomplete frame will not be completed. */
  silence(): void {
    this.#bytes = [];
  }

  #first(): Frame | "incomplete" | undefined {
    const bytes = this.#bytes;
    if (bytes[0] !== start) return undefined;
    if (bytes.length < 10) return "incomplete";
    const length = bytes[9] ?? 0;
    if (bytes[7] !== start || length > 50) return undefined;
    if (bytes.length < length + 12) return "incomplete";
    const frame = Uint8Array.from(bytes.slice(0, length + 12));
    if (frame.at(-1) !== stop || frame.at(-2) !== sum(frame.slice(0, -2))) return undefined;
    this.#bytes = bytes.slice(length + 12);
    const data = frame.slice(10, -2).map((byte) => (byte + 256 - 0x33) % 256);
    return { address: frame.slice(1, 7), code: frame[8] ?? 0, data };
  }
}
