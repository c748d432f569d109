/** A register read as it can be recognised from its reply alone. */
export type ReplyShape = {
  readonly unit: number;
  readonly function: number;
  readonly count: number;
};

/** A read of registers, and how far it may be lengthened. */
type Distinguishable = ReplyShape & {
  readonly address: number;
  readonly maxRegisters: number;
  readonly evenCount: boolean;
};

type Asked = ReplyShape & { readonly address: number; readonly askedAt: number };
type Entry = ReplyShape & { readonly askedAt: number; expiresAt: number; answered: boolean };

/** No gateway was seen to hold an answer longer; past it a read counts as never answered. */
const lifetimeMs = 30_000;
/** A gateway that is late may also have repeated the request: its answer can come once more. */
const lateRepeatMsMax = 5000;
/** Gateways that repeat a request bring its answer a second time within this. */
const repeatMsMax = 2000;
/** More reads than a serial bus carries in `repeatMsMax`. */
const recentMax = 64;
/** Scanning an empty bus leaves one per unit id; the oldest are of other units and do no harm. */
const entriesMax = 256;

/**
 * Reads that may be answered still: those that timed out and, by gateways, the newest ones. An RTU reply does not say which registers it
 * holds, so a read of the same shape could be given the late answer of another: such reads are made
 * to differ.
 */
export class Unanswered {
  #entries: Entry[] = [];
  #recent: Asked[] = [];

  /** Notes a read that goes out. */
  asked(read: Asked): void {
    this.#recent.push(read);
    if (this.#recent.length > recentMax) this.#recent.shift();
  }

  /** Notes that a read timed out. */
  add(shape: ReplyShape, askedAt: number): void {
    const expiresAt = askedAt + lifetimeMs;
    this.#entries.push({ ...shape, askedAt, expiresAt, answered: false });
    if (this.#entries.length > entriesMax) this.#entries.shift();
  }

  /** Whether a reply of this shape could be a late one. */
  mistakable({ unit, function: code, count }: ReplyShape, now: number): boolean {
    this.#expire(now);
    return this.#entries.some((e) => e.unit === unit && e.function === code && e.count === count);
  }

  /**
   * The smallest count that no outstanding answer has and, if possible, no recent read of other
   * registers either, whose answer might come a second time. Undefined: there is none.
   */
  distinctCount(read: Distinguishable, now: number): number | undefined {
    const { unit, address, function: code, maxRegisters, evenCount } = read;
    let fallback: number | undefined;
    for (let count = read.count; count <= maxRegisters; count += evenCount ? 2 : 1) {
      if (address + count > 0x10000) break;
      const shape = { unit, function: code, count };
      if (this.mistakable(shape, now)) continue;
      if (!this.#repeatable({ ...shape, address, askedAt: now })) return count;
      fallback ??= count;
    }
    return fallback;
  }

  #repeatable(next: Asked): boolean {
    return this.#recent.some(
      (before) =>
        before.unit === next.unit &&
        before.function === next.function &&
        before.count === next.count &&
        before.address !== next.address &&
        next.askedAt - before.askedAt < repeatMsMax,
    );
  }

  /** Whether an exception of this unit and function could be a late one: it carries no length. */
  exceptionMistakable(unit: number, code: number, now: number): boolean {
    this.#expire(now);
    return this.#entries.some((e) => e.unit === unit && e.function === code && !e.answered);
  }

  /** Notes that a frame answers the oldest such read, at `now`; tells when that was asked. */
  answered(
    frame: {
      readonly unit: number;
      readonly function: number;
      /** Undefined: an exception. */
      readonly count: number | undefined;
    },
    now: number,
  ): number | undefined {
    const { unit, function: code, count } = frame;
    const entry = this.#entries.find(
      (e) =>
        !e.answered &&
        e.unit === unit &&
        e.function === code &&
        (count === undefined || e.count === count),
    );
    if (entry === undefined) return undefined;
    entry.answered = true;
    entry.expiresAt = now + lateRepeatMsMax;
    return entry.askedAt;
  }

  #expire(now: number): void {
    this.#entries = this.#entries.filter(({ expiresAt }) => now < expiresAt);
  }
}
