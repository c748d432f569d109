/** A register read as it can be recognised from its reply alone; a write by `reply`, all of its answer. */
export type ReplyShape = {
  readonly unit: number;
  readonly function: number;
  readonly count: number;
  readonly reply?: Uint8Array;
};

/** A read of registers, and how far it may be lengthened. */
type Distinguishable = ReplyShape & {
  readonly address: number;
  readonly maxRegisters: number;
  readonly evenCount: boolean;
};

/** An answer as it was received; `count` is undefined for an exception. */
export type Frame = {
  readonly unit: number;
  readonly function: number;
  readonly count: number | undefined;
};

type Asked = ReplyShape & { readonly address: number; readonly askedAt: number };
type Entry = ReplyShape & {
  readonly askedAt: number;
  expiresAt: number;
  answered: boolean;
  /** Another master asked for it. */
  readonly foreign?: boolean;
};

/** A count that tells an answer from all others. Unsure: one that came already may come again. */
export type DistinctCount = { readonly count: number; readonly sure: boolean };

/** No gateway was seen to hold an answer longer; past it a read counts as never answered. */
const lifetimeMs = 30_000;
/** By TCP an answer names its request; only a gateway that mixes them up brings another's, soon. */
const namedLifetimeMs = 5000;
/** A gateway that is late may also have repeated the request: its answer can come once more. */
const lateRepeatMsMax = 5000;
/** Gateways that repeat a request bring its answer a second time within this. */
const repeatMsMax = 2000;
/** Another master has given up on its read after this. */
const foreignMs = 2000;
/** More reads than a serial bus carries in `repeatMsMax`. */
const recentMax = 64;
/** Scanning an empty bus leaves one per unit id; the oldest are of other units and do no harm. */
const entriesMax = 256;

/**
 * Reads that may be answered still: those that timed out, those of another master and, by gateways,
 * the newest ones. An RTU reply does not say which registers it holds, so a read of the same shape
 * could be given the late answer of another: such reads are made to differ.
 */
export class Unanswered {
  #entries: Entry[] = [];
  #recent: Asked[] = [];
  readonly #named: boolean;
  /** An answer did come twice on this line: a read is told from its own last answer too. */
  #repeats = false;

  /** `named`: answers say which request they belong to. */
  constructor({ named }: { readonly named: boolean }) {
    this.#named = named;
  }

  /** Notes a read that goes out. */
  asked(read: Asked): void {
    if (this.#named) return;
    this.#recent.push(read);
    if (this.#recent.length > recentMax) this.#recent.shift();
  }

  /** Notes that a read timed out. */
  add(shape: ReplyShape, askedAt: number): void {
    const expiresAt = askedAt + (this.#named ? namedLifetimeMs : lifetimeMs);
    this.#push({ ...shape, askedAt, expiresAt, answered: false });
  }

  /** Notes another master's read. */
  foreign(shape: ReplyShape, now: number): void {
    const expiresAt = now + foreignMs;
    this.#push({ ...shape, askedAt: now, expiresAt, answered: false, foreign: true });
  }

  #push(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#entries.length > entriesMax) this.#entries.shift();
  }

  /** Whether an unexpected answer is one that came before; from then on repetitions are expected. */
  repeated({ unit, function: code, count }: Frame, now: number): boolean {
    const again = this.#recent.some(
      (read) =>
        read.unit === unit &&
        read.function === code &&
        read.count === count &&
        now - read.askedAt < 2 * repeatMsMax,
    );
    this.#repeats ||= again;
    return again;
  }

  /** Whether a reply of this shape could be a late one. */
  mistakable({ unit, function: code, count }: ReplyShape, now: number): boolean {
    this.#expire(now);
    return this.#entries.some((e) => e.unit === unit && e.function === code && e.count === count);
  }

  /**
   * The smallest count that no outstanding answer has and, if possible, no recent read either whose
   * answer might come a second time. Undefined: there is none.
   */
  distinctCount(read: Distinguishable, now: number): DistinctCount | undefined {
    const { unit, address, function: code, maxRegisters, evenCount } = read;
    let unsure: DistinctCount | undefined;
    for (let count = read.count; count <= maxRegisters; count += evenCount ? 2 : 1) {
      if (address + count > 0x10000) break;
      const shape = { unit, function: code, count };
      if (this.mistakable(shape, now)) continue;
      if (!this.#repeatable({ ...shape, address, askedAt: now })) return { count, sure: true };
      unsure ??= { count, sure: false };
    }
    return this.#repeats ? undefined : unsure;
  }

  #repeatable(next: Asked): boolean {
    return this.#recent.some(
      (before) =>
        before.unit === next.unit &&
        before.function === next.function &&
        before.count === next.count &&
        (this.#repeats || before.address !== next.address) &&
        next.askedAt - before.askedAt < repeatMsMax,
    );
  }

  /** Whether an exception of this unit and function could be a late one: it carries no length. */
  exceptionMistakable(unit: number, code: number, now: number): boolean {
    this.#expire(now);
    return this.#entries.some((e) => e.unit === unit && e.function === code && !e.answered);
  }

  /** Notes that a frame answers the oldest such read, at `now`; tells when that was asked. */
  answered({ unit, function: code, count }: Frame, now: number): number | undefined {
    const entry = this.#entries.find(
      (e) =>
        !e.answered &&
        e.unit === unit &&
        e.function === code &&
        (count === undefined || e.count === count),
    );
    if (entry === undefined) return undefined;
    entry.answered = true;
    if (this.#named) entry.expiresAt = now;
    else entry.expiresAt = now + (entry.foreign === true ? foreignMs : lateRepeatMsMax);
    return entry.foreign === true ? undefined : entry.askedAt;
  }

  #expire(now: number): void {
    this.#entries = this.#entries.filter(({ expiresAt }) => now < expiresAt);
  }
}
