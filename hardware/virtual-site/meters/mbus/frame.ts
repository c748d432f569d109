/** A request on the M-Bus. `ci` and `data` are of long frames. */
export type Request = {
  readonly control: number;
  readonly address: number;
  readonly ci?: number;
  readonly data: Uint8Array;
};

export const confirmation = Uint8Array.of(0xe5);

const sum = (bytes: readonly number[]): number => bytes.reduce((a, b) => (a + b) % 256, 0);

/** Writes an answer with data (CI 72h) of the meter at `address`. */
export function writeAnswer(address: number, data: Uint8Array): Uint8Array {
  const body = [0x08, address, 0x72, ...data];
  return Uint8Array.of(0x68, body.length, body.length, 0x68, ...body, sum(body), 0x16);
}

/** Collects bytes and gives the requests in them; all that is no frame is thrown away. */
export class RequestReader {
  #bytes: number[] = [];

  push(chunk: Uint8Array): Request[] {
    this.#bytes.push(...chunk);
    const requests: Request[] = [];
    while (this.#bytes.length > 0) {
      const request = this.#first();
      if (request === "incomplete") break;
      if (request === undefined) this.#bytes.shift();
      else requests.push(request);
    }
    return requests;
  }

  /** The line was silent: an incomplete frame will not be completed. */
  silence(): void {
    this.#bytes = [];
  }

  #first(): Request | "incomplete" | undefined {
    const [start, length = 0] = this.#bytes;
    if (start === 0x10) return this.#take(1, 2);
    if (start !== 0x68) return undefined;
    if (this.#bytes.length < 4) return "incomplete";
    const heads = this.#bytes[2] === length && this.#bytes[3] === 0x68 && length >= 3;
    return heads ? this.#take(4, length) : undefined;
  }

  #take(from: number, length: number): Request | "incomplete" | undefined {
    const end = from + length;
    if (this.#bytes.length < end + 2) return "incomplete";
    const body = this.#bytes.slice(from, end);
    if (this.#bytes[end] !== sum(body) || this.#bytes[end + 1] !== 0x16) return undefined;
    this.#bytes = this.#bytes.slice(end + 2);
    const [control = 0, address = 0, ci] = body;
    return {
      control,
      address,
      ...(ci === undefined ? {} : { ci }),
      data: Uint8Array.from(body.slice(3)),
    };
  }
}
