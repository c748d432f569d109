import { statfsSync } from "node:fs";
import { clockSource, Failure, obis, quality } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { buffer, connect, merge, type Subscription, throttleTime } from "rxjs";
import type { Journal, Sample } from "../journal/journal.ts";
import type { Counters } from "../status/counters.ts";
import type { MeterBoard } from "../status/meter-board.ts";
import type { Rhythm } from "./due.ts";
import { entryOf, qualityOf, ranBackward } from "./entry.ts";
import { type Poll, pollMeter } from "./poll.ts";
import type { MeterReading, Source } from "./source.ts";

/** When readings are signed: at so many, at such an age (site ms), and at a slot's end. */
export type Sealing = { readonly entries: number; readonly ageMs: number };

/** What a recorder works with. */
export type RecorderOptions = {
  readonly journal: Journal;
  readonly sources: readonly Source[];
  readonly clock: SiteClock;
  readonly rhythm: Rhythm;
  readonly sealing: Sealing;
  readonly board: MeterBoard;
  readonly counters: Counters;
  readonly log: Logger;
  /** Clock byte of the unit's time at this moment. */
  readonly clockByte?: () => number;
  /** Folder whose disk must not run full. */
  readonly folder?: string;
  /** Called after readings are on the disk; `sealed` when there is something new to send. */
  readonly onStored: (event: {
    readonly sealed: boolean;
    readonly stored: readonly (Sample & { readonly seq: number })[];
  }) => void;
};

/** Readings that come within so many wall ms share one commit to the disk. */
const commitWindowMs = 20;
/** With less free disk only billing registers are recorded. */
const freeBytesMin = 64 * 1024 * 1024;

/** `how` it came about: `quality` of the wire. */
type Read = { readonly reading: MeterReading; readonly how: number };
type Good = Extract<Poll<Read>, { ok: true }>;

/** Polls all meters and puts what they show into the journal. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #lastTimes = new Map<string, number>();
  /** Billing registers as they were read last, whether or not they could be stored. */
  readonly #registers = new Map<string, readonly [number, number] | undefined>();
  readonly #serials = new Map<string, string | undefined>();
  /** Resets and exchanges that no stored entry tells of yet. */
  readonly #untold = new Map<string, number>();
  #subscription: Subscription | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  start(): void {
    const polls = this.#options.sources.map((source) =>
      pollMeter<Read>({
        meter: source.config.id,
        read: () => this.#read(source),
        clock: this.#options.clock,
        rhythm: this.#options.rhythm,
      }),
    );
    const window = { leading: false, trailing: true };
    this.#subscription = merge(...polls)
      .pipe(
        connect((all) =>
          all.pipe(buffer(all.pipe(throttleTime(commitWindowMs, undefined, window)))),
        ),
      )
      .subscribe((batch) => this.#take(batch));
  }

  /** Stops polling and signs what is unsigned. */
  stop(): void {
    this.#subscription?.unsubscribe();
    for (const { config } of this.#options.sources) this.#seal(config.id, () => true);
  }

  /** A billing register that fell is read a second time before it is believed. */
  async #read(source: Source): Promise<Read> {
    const { id } = source.config;
    const fell = ({ values }: MeterReading) =>
      ranBackward(values, (code) => this.#lastOf(id, code));
    let reading = await source.read();
    let backward = fell(reading);
    if (backward) {
      reading = await source.read();
      backward = fell(reading);
      this.#options.counters.count(backward ? "meter.register-reset" : "meter.misread");
    }
    const how = qualityOf({ backward, replaced: this.#wasReplaced(source) });
    for (const { obis: code, mantissa, exponent } of reading.values) {
      if (code === obis.importEnergy || code === obis.exportEnergy) {
        this.#registers.set(`${id} ${code}`, [mantissa, exponent]);
      }
    }
    return { reading, how };
  }

  #take(polls: readonly Poll<Read>[]): void {
    const { board, counters, log, journal, onStored } = this.#options;
    for (const poll of polls) {
      if (poll.ok) continue;
      const { code, message } = describe(poll.error);
      counters.count(code);
      board.failed(poll.meter, message);
      if (poll.failures === 1) log.warn({ meter: poll.meter, code, message }, "meter read failed");
    }
    const reads = polls.flatMap((poll) => (poll.ok ? [poll] : []));
    const boundary = new Set(
      reads.filter((poll) => this.#startsSlot(poll)).map(({ meter }) => meter),
    );
    let samples: Sample[] = [];
    let seqs: readonly number[] = [];
    try {
      const billingOnly = this.#diskIsLow();
      samples = reads.map((poll) => this.#sample(poll, billingOnly));
      seqs = journal.append(samples, this.#notes(samples));
    } catch (error) {
      for (const { meter, entry } of samples) this.#owe(meter, entry.quality);
      // The next poll tries again: a disk that is full now need not be full then.
      counters.count("journal.append-failed");
      log.error({ err: error }, "readings could not be stored");
      return;
    }
    for (const { meter, reading } of reads) board.read(meter, reading.reading);
    const sealed = polls.filter(({ meter }) =>
      this.#seal(meter, ({ count, age }) => boundary.has(meter) || this.#isDue(count, age)),
    );
    const stored = samples.map((sample, i) => ({ ...sample, seq: seqs[i] ?? 0 }));
    onStored({ sealed: sealed.length > 0, stored });
  }

  #sample({ meter, reading: { reading, how } }: Good, billingOnly: boolean): Sample {
    const { clockByte = () => clockSource.informative, counters } = this.#options;
    const lastTime = this.#lastTime(meter);
    if (reading.time <= lastTime) counters.count("clock.backward");
    const told = how === quality.measured ? (this.#untold.get(meter) ?? how) : how;
    this.#untold.delete(meter);
    const entry = entryOf(reading, { lastTime, clock: clockByte(), quality: told, billingOnly });
    this.#lastTimes.set(meter, entry.time);
    return { meter, entry };
  }

  /** An entry that could not be stored told of a reset: the next one has to. */
  #owe(meter: string, how: number): void {
    if (how !== quality.measured) this.#untold.set(meter, how);
  }

  /** Serial numbers go to the disk with the first entry of their meter, so that an exchange is told
   * of once, whenever the unit dies. */
  #notes(samples: readonly Sample[]): ReadonlyMap<string, string> {
    const notes = new Map<string, string>();
    for (const { meter } of samples) {
      const serial = this.#serials.get(meter);
      if (serial !== undefined) notes.set(`serial/${meter}`, serial);
    }
    return notes;
  }

  /** Whether another meter stands in the old one's place, by its serial number. */
  #wasReplaced({ config: { id }, serial }: Source): boolean {
    const before = this.#serials.has(id)
      ? this.#serials.get(id)
      : this.#options.journal.note(`serial/${id}`);
    this.#serials.set(id, serial ?? before);
    return serial !== undefined && before !== undefined && serial !== before;
  }

  #lastTime(meter: string): number {
    return this.#lastTimes.get(meter) ?? this.#options.journal.newest(meter)?.time ?? 0;
  }

  #lastOf(meter: string, code: string): readonly [number, number] | undefined {
    const key = `${meter} ${code}`;
    if (!this.#registers.has(key)) {
      this.#registers.set(key, this.#options.journal.lastOf(meter, code));
    }
    return this.#registers.get(key);
  }

  /** Whether a reading is the first one of its slot. */
  #startsSlot({ meter, reading }: Good): boolean {
    const { slotMs } = this.#options.rhythm;
    const slot = (time: number) => Math.floor(time / slotMs);
    return slot(reading.reading.time) > slot(this.#lastTime(meter));
  }

  #isDue(count: number, ageMs: number): boolean {
    const { entries, ageMs: ageMsMax } = this.#options.sealing;
    return count >= entries || ageMs >= ageMsMax;
  }

  #seal(meter: string, due: (waiting: { count: number; age: number }) => boolean): boolean {
    const { journal, sealing, clock } = this.#options;
    const { count, oldest } = journal.unsealed(meter);
    if (count === 0 || oldest === undefined || !due({ count, age: clock.now() - oldest }))
      return false;
    return journal.seal(meter, sealing.entries) > 0;
  }

  #diskIsLow(): boolean {
    const { folder, counters } = this.#options;
    if (folder === undefined) return false;
    const { bavail, bsize } = statfsSync(folder);
    const low = bavail * bsize < freeBytesMin;
    if (low) counters.count("disk.low");
    return low;
  }
}

function describe(error: unknown): { code: string; message: string } {
  if (error instanceof Failure) return { code: error.code, message: error.message };
  return { code: "meter.failed", message: error instanceof Error ? error.message : String(error) };
}
