import { statfsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { clockSource, Failure } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { buffer, connect, merge, type Subscription, throttleTime } from "rxjs";
import type { Journal, Sample } from "../journal/journal.ts";
import type { Counters } from "../status/counters.ts";
import type { MeterBoard } from "../status/meter-board.ts";
import type { Rhythm } from "./due.ts";
import { billingOf, type Decimal, entryOf, isCredible } from "./entry.ts";
import { fell, leapt, MeterMemory } from "./memory.ts";
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

/** Further readings of a register that is hard to believe, and site ms between them: a disturbance
 * on the line that spoils one reading may well spoil the next. */
const confirmations = 2;
const confirmMs = 1_000;

type Read = {
  readonly reading: MeterReading;
  readonly serial: string | undefined;
  readonly profile: string;
};
type Good = Extract<Poll<Read>, { ok: true }>;

/** Polls all meters and puts what they show into the journal. */
export class Recorder {
  readonly #options: RecorderOptions;
  /** What the next entries are judged by. */
  readonly memory: MeterMemory;
  /** Billing registers as they were read last, on their way to the disk still. */
  readonly #seen = new Map<string, ReadonlyMap<string, Decimal>>();
  #subscription: Subscription | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.memory = new MeterMemory(options.journal);
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

  /**
   * A billing register that fell, or rose by more than can have flowed, is read twice more, a while
   * apart, before it is believed; the three must agree.
   * Throws: `Failure` `meter.register-unsteady`, and those of the source.
   */
  async #read(source: Source): Promise<Read> {
    const { counters, clock } = this.#options;
    const { id } = source.config;
    const before = this.#seen.get(id) ?? this.memory.registersOf(id);
    const since = this.memory.timeOf(id);
    const odd = ({ time, values }: MeterReading) =>
      fell(billingOf(values), before) || leapt(billingOf(values), before, time - since);
    let reading = this.#credible(await source.read());
    for (let left = confirmations; left > 0 && odd(reading); left--) {
      await sleep(clock.delay(confirmMs));
      const again = this.#credible(await source.read());
      if (!odd(again)) counters.count("meter.misread");
      else if (fell(billingOf(again.values), billingOf(reading.values))) throw unsteady(id);
      reading = again;
    }
    if (odd(reading)) counters.count("meter.register-reset");
    this.#seen.set(id, new Map([...before, ...billingOf(reading.values)]));
    return { reading, serial: source.serial, profile: source.config.profile };
  }

  /** What no meter can show is unknown: the ledger would refuse it, and all that follows it. */
  #credible(reading: MeterReading): MeterReading {
    const odd = reading.values.filter((value) => !isCredible(value));
    if (odd.length === 0) return reading;
    this.#options.counters.count("meter.register-incredible");
    return {
      ...reading,
      values: reading.values.filter(isCredible),
      unknown: [...reading.unknown, ...odd.map(({ quantity }) => quantity)],
    };
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
      seqs = journal.append(samples, this.memory.notes());
      this.memory.keep();
    } catch (error) {
      this.memory.forget();
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

  #sample({ meter, reading: { reading, ...who } }: Good, billingOnly: boolean): Sample {
    const { clockByte = () => clockSource.informative, counters } = this.#options;
    const lastTime = this.memory.timeOf(meter);
    if (reading.time <= lastTime) counters.count("clock.backward");
    const shown = { ...who, registers: billingOf(reading.values) };
    const quality = this.memory.judge(meter, shown);
    const entry = entryOf(reading, { lastTime, clock: clockByte(), quality, billingOnly });
    this.memory.take(meter, entry.time, shown);
    return { meter, entry };
  }

  /** Whether a reading is the first one of its slot. */
  #startsSlot({ meter, reading }: Good): boolean {
    const { slotMs } = this.#options.rhythm;
    const slot = (time: number) => Math.floor(time / slotMs);
    return slot(reading.reading.time) > slot(this.memory.timeOf(meter));
  }

  #isDue(count: number, ageMs: number): boolean {
    const { entries, ageMs: ageMsMax } = this.#options.sealing;
    return count >= entries || ageMs >= ageMsMax;
  }

  #seal(meter: string, due: (waiting: { count: number; age: number }) => boolean): boolean {
    const { journal, sealing, clock, counters, log } = this.#options;
    try {
      const { count, oldest } = journal.unsealed(meter);
      if (count === 0 || oldest === undefined || !due({ count, age: clock.now() - oldest }))
        return false;
      return journal.seal(meter, sealing.entries) > 0;
    } catch (error) {
      // The readings are on the disk; the next poll, or the next start, signs them.
      counters.count("journal.seal-failed");
      log.error({ err: error, meter }, "readings could not be signed");
      return false;
    }
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

function unsteady(meter: string): Failure {
  const message = `${meter}: energy registers differ from one reading to the next; look for noise, a loose wire, or two meters with one address`;
  return new Failure("meter.register-unsteady", message, { retry: "later" });
}

function describe(error: unknown): { code: string; message: string } {
  if (error instanceof Failure) return { code: error.code, message: error.message };
  return { code: "meter.failed", message: error instanceof Error ? error.message : String(error) };
}
