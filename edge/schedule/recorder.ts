import { statfsSync } from "node:fs";
import { clockSource, Failure, obis } from "@busbar/protocol";
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
  readonly onStored: (event: { readonly sealed: boolean }) => void;
};

/** Readings that come within so many wall ms share one commit to the disk. */
const commitWindowMs = 20;
/** With less free disk only billing registers are recorded. */
const freeBytesMin = 64 * 1024 * 1024;

type Read = { readonly reading: MeterReading; readonly backward: boolean };

/** Polls all meters and puts what they show into the journal. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #lastTimes = new Map<string, number>();
  readonly #registers = new Map<string, readonly [number, number] | undefined>();
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
    const reading = await source.read();
    const fell = ({ values }: MeterReading) =>
      ranBackward(values, (code) => this.#lastOf(source.config.id, code));
    if (!fell(reading)) return { reading, backward: false };
    const again = await source.read();
    const backward = fell(again);
    this.#options.counters.count(backward ? "meter.register-reset" : "meter.misread");
    return { reading: again, backward };
  }

  #take(polls: readonly Poll<Read>[]): void {
    const { board, counters, log, journal, onStored, clock } = this.#options;
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
    try {
      const billingOnly = this.#diskIsLow();
      const samples = reads.map((poll) => this.#sample(poll, billingOnly));
      if (samples.length > 0) journal.append(samples);
      for (const sample of samples) this.#remember(sample);
    } catch (error) {
      // The next poll tries again: a disk that is full now need not be full then.
      counters.count("journal.append-failed");
      log.error({ err: error }, "readings could not be stored");
      return;
    }
    for (const { meter, reading } of reads) board.read(meter, reading.reading);
    const sealed = polls.filter(({ meter }) =>
      this.#seal(meter, ({ count, age }) => boundary.has(meter) || this.#isDue(count, age)),
    );
    log.debug({ readings: reads.length, sealed: sealed.length, time: clock.now() }, "stored");
    onStored({ sealed: sealed.length > 0 });
  }

  #sample(
    { meter, reading: { reading, backward } }: Extract<Poll<Read>, { ok: true }>,
    billingOnly: boolean,
  ): Sample {
    const { clockByte = () => clockSource.informative, counters } = this.#options;
    const lastTime = this.#lastTime(meter);
    if (reading.time <= lastTime) counters.count("clock.backward");
    const quality = qualityOf({ backward, replaced: this.#wasReplaced(meter) });
    const entry = entryOf(reading, { lastTime, clock: clockByte(), quality, billingOnly });
    return { meter, entry };
  }

  #remember({ meter, entry }: Sample): void {
    this.#lastTimes.set(meter, entry.time);
    for (const code of [obis.importEnergy, obis.exportEnergy]) {
      const value = entry.registers.get(code);
      if (value !== undefined) this.#registers.set(`${meter} ${code}`, value);
    }
    const serial = this.#options.sources.find(({ config }) => config.id === meter)?.serial;
    const note = `serial/${meter}`;
    if (serial !== undefined && this.#options.journal.note(note) !== serial) {
      this.#options.journal.setNote(note, serial);
    }
  }

  /** Whether another meter stands in the old one's place, by its serial number. */
  #wasReplaced(meter: string): boolean {
    const serial = this.#options.sources.find(({ config }) => config.id === meter)?.serial;
    const before = this.#options.journal.note(`serial/${meter}`);
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
  #startsSlot({ meter, reading }: Extract<Poll<Read>, { ok: true }>): boolean {
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
