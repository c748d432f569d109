/** What may start at a byte: a whole telegram, a failed one, nothing, or it cannot be told yet. */
export type Look<T> =
  | { readonly length: number; readonly telegram: T }
  /** `extent` is the number of bytes that the failed start laid claim to; default 1. */
  | { readonly reason: string; readonly extent?: number }
  /** A byte between telegrams that says nothing. */
  | "skip"
  | "wait";

/** Looks at `bytes[at]` and what follows. `ended`: nothing more will come. */
export type LookAt<T> = (bytes: Uint8Array, at: number, ended: boolean) => Look<T>;

/** Bytes that belong to no telegram. `offset` counts from the first byte of the stream. */
export type StreamDamage = {
  readonly kind: "damage";
  readonly offset: number;
  readonly reason: string;
  readonly bytes: Uint8Array;
};

/** A telegram where it started. */
export type StreamTelegram<T> = {
  readonly kind: "telegram";
  readonly offset: number;
  readonly telegram: T;
};

/** The reason of bytes that never looked like a telegram. */
export const noise = "noise";

type Run = { offset: number; until: number; reason: string; bytes: number[] };

/**
 * Cuts a stream of bytes into telegrams by looking at one byte after the other; after a false start
 * the search goes on one byte further. How the stream was chunked changes nothing. Buffers what
 * `look` waits for (which `look` bounds) plus a chunk, and at most `damageBytesMax` of damage.
 */
export class StreamFramer<T> {
  readonly #look: LookAt<T>;
  readonly #damageBytesMax: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #run: Run | undefined;

  constructor(options: { readonly look: LookAt<T>; readonly damageBytesMax: number }) {
    this.#look = options.look;
    this.#damageBytesMax = options.damageBytesMax;
  }

  /** Bytes that are held back until more come. */
  get bufferedBytes(): number {
    return this.#buffer.length;
  }

  /** Everything that `chunk` completes. */
  *push(chunk: Uint8Array): Generator<StreamTelegram<T> | StreamDamage> {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    yield* this.#drain(false);
  }

  /** Ends the stream: what is left can grow no further. */
  *end(): Generator<StreamTelegram<T> | StreamDamage> {
    yield* this.#drain(true);
    yield* this.#flush();
  }

  *#drain(ended: boolean): Generator<StreamTelegram<T> | StreamDamage> {
    let at = 0;
    while (at < this.#buffer.length) {
      const found = this.#look(this.#buffer, at, ended);
      if (found === "wait" && !ended) break;
      const offset = this.#offset + at;
      if (typeof found === "object" && "length" in found) {
        yield* this.#flush();
        yield { kind: "telegram", offset, telegram: found.telegram };
        at += found.length;
        continue;
      }
      yield* this.#pass(offset, this.#buffer[at] ?? 0, failed(found, this.#buffer.length - at));
      at += 1;
    }
    this.#buffer = this.#buffer.slice(at);
    this.#offset += at;
  }

  /** One byte that starts nothing; it goes to the damage it belongs to. */
  *#pass(
    offset: number,
    byte: number,
    why: { readonly reason: string; readonly extent: number } | undefined,
  ): Generator<StreamDamage> {
    const run = this.#run;
    const quiet = why === undefined || why.reason === noise;
    if (run === undefined || (offset >= run.until && !(quiet && run.reason === noise))) {
      yield* this.#flush();
      if (why === undefined) return;
      this.#run = { offset, until: offset + why.extent, reason: why.reason, bytes: [byte] };
    } else run.bytes.push(byte);
    const now = this.#run;
    if (now === undefined) return;
    const whole = now.reason !== noise && offset + 1 >= now.until;
    if (whole || now.bytes.length >= this.#damageBytesMax) yield* this.#flush();
  }

  *#flush(): Generator<StreamDamage> {
    if (this.#run === undefined) return;
    const { offset, reason, bytes } = this.#run;
    this.#run = undefined;
    yield { kind: "damage", offset, reason, bytes: Uint8Array.from(bytes) };
  }
}

function failed(
  found: "skip" | "wait" | { readonly reason: string; readonly extent?: number },
  left: number,
): { readonly reason: string; readonly extent: number } | undefined {
  if (found === "skip") return undefined;
  if (found === "wait") return { reason: "cut", extent: left };
  return { reason: found.reason, extent: found.extent ?? 1 };
}
