import { Failure, quality, utcMs } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { buffer, connect, merge, Subject, takeUntil, throttleTime } from "rxjs";
import type { Timekeeping } from "../clock/unit-clock.ts";
import { isDiskFault } from "../journal/database.ts";
import type { Disk } from "../journal/disk.ts";
import type { Journal, Sample } from "../journal/journal.ts";
import type { Counters } from "../status/counters.ts";
import type { MeterBoard } from "../status/meter-board.ts";
import { CarefulReader, type Read } from "./careful-reader.ts";
import type { Rhythm } from "./due.ts";
import { billingOf, entryOf, gapEntry } from "./entry.ts";
import { MeterMemory } from "./memory.ts";
import { type Poll, pollMeter } from "./poll.ts";
import type { Source } from "./source.ts";
import { Undated } from "./undated.ts";

/** When readings are signed: at so many, at such an age (site ms), and at a slot's end. */
export type Sealing = { readonly entries: number; readonly ageMs: number };

/** What a recorder works with. */
export type RecorderOptions = {
  readonly journal: Journal;
  readonly sources: readonly Source[];
  readonly clock: SiteClock & Timekeeping;
  readonly rhythm: Rhythm;
  readonly sealing: Sealing;
  readonly board: MeterBoard;
  readonly counters: Counters;
  readonly log: Logger;
  /** The disk under the journal; without one it is taken to have room. */
  readonly disk?: Disk;
  /** Called after readings are on the disk, gaps left out; `sealed` when there is something new to send. */
  readonly onStored: (event: { readonly sealed: boolean; readonly stored: Stored }) => void;
};

/**
 * Readings that come within so long share one commit to the disk: meters on one bus answer one after
 * the other, and each commit costs a card its wear, and the processor most of what a reading costs.
 * Site ms; wall ms where the site's time flies. A power cut takes no more than this.
 */
const commitWindow = { siteMs: 1_000, wallMsMin: 20 };

type Good = Extract<Poll<Read>, { ok: true }>;
type Stored = readonly (Sample & { readonly seq: number })[];

/** Polls all meters and puts what they show into the journal. */
export class Recorder {
  readonly #options: RecorderOptions;
  /** What the next entries are judged by. */
  readonly memory: MeterMemory;
  readonly #reader: CarefulReader;
  readonly #undated: Undated;
  readonly #ending = new Subject<void>();
  /** Meters whose readings could not be signed, which is told once. */
  readonly #unsigned = new Set<string>();

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { journal, clock, counters } = options;
    this.memory = new MeterMemory(journal);
    this.#reader = new CarefulReader({ memory: this.memory, clock, counters });
    const meters = options.sources.map(({ config }) => config.id);
    const { memory } = this;
    this.#undated = new Undated({ journal, memory, clock, meters, rhythm: options.rhythm });
  }

  /** Readings that wait until the time is known. */
  get held(): number {
    return this.#undated.count;
  }

  start(): void {
    const polls = this.#options.sources.map((source) =>
      pollMeter<Read>({
        meter: source.config.id,
        read: () => this.#reader.read(source),
        clock: this.#options.clock,
        rhythm: this.#options.rhythm,
      }),
    );
    const windowMs = Math.max(
      commitWindow.wallMsMin,
      this.#options.clock.delay(commitWindow.siteMs),
    );
    const window = { leading: false, trailing: true };
    merge(...polls)
      .pipe(
        // The window that is open at the end is committed too.
        takeUntil(this.#ending),
        connect((all) => all.pipe(buffer(all.pipe(throttleTime(windowMs, undefined, window))))),
      )
      .subscribe((batch) => this.#take(batch));
  }

  /** Stops polling and signs what is unsigned. */
  stop(): void {
    this.#ending.next();
    for (const { config } of this.#options.sources) this.#seal(config.id, () => true);
  }

  #take(polls: readonly Poll<Read>[]): void {
    const { board, clock, counters, log, onStored } = this.#options;
    for (const poll of polls) {
      if (poll.ok) continue;
      const { code, message } = describe(poll.error);
      counters.count(code);
      board.failed(poll.meter, message);
      if (poll.failures === 1) log.warn({ meter: poll.meter, code, message }, "meter read failed");
    }
    if (!clock.known) return this.#hold(polls);
    const reads = polls.flatMap((poll) => (poll.ok ? [this.#restated(poll)] : []));
    const boundary = new Set(
      reads.filter((poll) => this.#startsSlot(poll)).map(({ meter }) => meter),
    );
    const answered = new Set(reads.map(({ meter }) => meter));
    // Who answered before or after a failure was away until then at most: its reading says so.
    const away = polls.flatMap(({ meter }) => (answered.has(meter) ? [] : [meter]));
    const done = this.#store(reads, away);
    if (done === undefined) return;
    const { dated, stored } = done;
    const gaps = stored.filter(({ entry }) => entry.quality === quality.gap);
    for (const { meter } of gaps) boundary.add(meter);
    for (const { meter, reading } of reads) board.read(meter, reading.reading);
    const meters = new Set([...dated, ...polls.map(({ meter }) => meter)]);
    const sealed = [...meters].filter((meter) =>
      this.#seal(
        meter,
        ({ count, age }) => boundary.has(meter) || dated.has(meter) || this.#isDue(count, age),
      ),
    );
    const read = stored.filter(({ entry }) => entry.quality !== quality.gap);
    onStored({ sealed: sealed.length > 0, stored: read });
  }

  /**
   * Puts readings, and what tells of meters that are away, into the journal in one commit, behind
   * those that waited for the time. Undefined when that failed: the next poll tries again, and a gap
   * tells of what was lost until then.
   */
  #store(
    reads: readonly Good[],
    away: readonly string[],
  ): { dated: ReadonlySet<string>; stored: Stored } | undefined {
    const { clock, journal, disk } = this.#options;
    const work = () => {
      // What a first attempt took in before the disk refused it.
      this.memory.forget();
      const dated = this.#undated.release();
      const billingOnly = disk?.isLow ?? false;
      const samples = [
        ...away.flatMap((meter) => this.#gap(meter, clock.now())),
        ...reads.flatMap((poll) => [
          ...this.#gap(poll.meter, poll.reading.reading.time - 1),
          this.#sample(poll, billingOnly),
        ]),
      ];
      const seqs = journal.append(samples, this.memory.notes());
      return { dated, stored: samples.map((sample, i) => ({ ...sample, seq: seqs[i] ?? 0 })) };
    };
    try {
      const done = disk === undefined ? work() : disk.write(work);
      this.memory.keep();
      return done;
    } catch (error) {
      this.memory.forget();
      this.#notStored(error, reads);
      return undefined;
    }
  }

  #notStored(error: unknown, reads: readonly { readonly meter: string }[]): void {
    const { board, disk, counters, log } = this.#options;
    counters.count("journal.append-failed");
    disk?.lost(reads.length);
    // The disk says once what is wrong with it.
    const told = disk !== undefined && isDiskFault(error);
    if (told) for (const { meter } of reads) board.polled(meter);
    else log.error({ err: error }, "readings could not be stored");
  }

  /** Keeps what was read until the time is known. */
  #hold(polls: readonly Poll<Read>[]): void {
    const { board, counters, disk } = this.#options;
    const good = polls.flatMap((poll) => (poll.ok ? [poll] : []));
    const reads = good.map(({ meter, reading: read }) => ({ meter, read }));
    try {
      const hold = () => this.#undated.hold(reads, disk?.isLow ?? false);
      if (disk === undefined) hold();
      else disk.write(hold);
    } catch (error) {
      return this.#notStored(error, reads);
    }
    if (reads.length > 0) counters.count("clock.unknown");
    for (const { meter, read } of reads) board.read(meter, read.reading);
  }

  /** The reading with its time by the clock of now. */
  #restated(poll: Good): Good {
    const { reading, mark } = poll.reading;
    const time = utcMs(Math.max(0, Math.round(this.#options.clock.restate(reading.time, mark))));
    return { ...poll, reading: { ...poll.reading, reading: { ...reading, time } } };
  }

  #sample({ meter, reading: { reading, serial, profile } }: Good, billingOnly: boolean): Sample {
    const { clock, counters } = this.#options;
    const lastTime = this.memory.timeOf(meter);
    if (reading.time <= lastTime) counters.count("clock.backward");
    const shown = { serial, profile, registers: billingOf(reading.values) };
    const how = this.memory.judge(meter, shown);
    const facts = { lastTime, clock: clock.byte, quality: how, billingOnly };
    const entry = entryOf(reading, facts);
    this.memory.take(meter, entry.time, shown);
    return { meter, entry };
  }

  /** What tells of a meter that was away until `time`, where that is due. */
  #gap(meter: string, time: number): Sample[] {
    const { clock, counters, rhythm } = this.#options;
    const lastTime = this.memory.timeOf(meter);
    const entry = gapEntry({ time, lastTime, clock: clock.byte }, rhythm);
    if (entry === undefined) return [];
    counters.count("meter.gap");
    this.memory.pass(meter, time);
    return [{ meter, entry }];
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
    const { journal, sealing, clock, counters, log, disk } = this.#options;
    try {
      const { count, oldest } = journal.unsealed(meter);
      if (count === 0 || oldest === undefined || !due({ count, age: clock.now() - oldest }))
        return false;
      const seal = () => journal.seal(meter, sealing.entries);
      const sealed = disk === undefined ? seal() : disk.write(seal);
      this.#unsigned.delete(meter);
      return sealed > 0;
    } catch (error) {
      // The readings are on the disk; the next poll, or the next start, signs them.
      counters.count("journal.seal-failed");
      const told = this.#unsigned.has(meter) || (disk !== undefined && isDiskFault(error));
      this.#unsigned.add(meter);
      if (!told) log.error({ err: error, meter }, "readings could not be signed");
      return false;
    }
  }
}

function describe(error: unknown): { code: string; message: string } {
  if (error instanceof Failure) return { code: error.code, message: error.message };
  return { code: "meter.failed", message: error instanceof Error ? error.message : String(error) };
}
