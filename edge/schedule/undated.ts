import type { SiteClock } from "@busbar/protocol/node";
import { type Dated, placing } from "../clock/placing.ts";
import type { Timekeeping } from "../clock/unit-clock.ts";
import { type HeldReading, heldCount, heldStarts, hold, oldestHeld } from "../journal/held.ts";
import type { Journal, Sample } from "../journal/journal.ts";
import type { Read } from "./careful-reader.ts";
import type { Rhythm } from "./due.ts";
import { billingIn, entryAt, entryOf, gapEntry } from "./entry.ts";
import type { MeterMemory } from "./memory.ts";

/** What undated readings are kept with. */
export type UndatedOptions = {
  readonly journal: Journal;
  readonly memory: MeterMemory;
  readonly clock: SiteClock & Timekeeping;
  readonly meters: readonly string[];
  readonly rhythm: Rhythm;
};

/** Readings that become entries in one commit. */
const rowsPerCommit = 500;

/** Note with the newest time that the unit knew to be true. */
export const floorNote = "clock/floor";

/**
 * Readings that were taken while the time was not known: kept with the monotonic time, and made into
 * entries when the time is known, in their order and before any later one. What is signed has a time
 * that the unit knows, or is marked as doubtful.
 */
export class Undated {
  readonly #options: UndatedOptions;
  #count: number;

  constructor(options: UndatedOptions) {
    this.#options = options;
    this.#count = heldCount(options.journal.database);
  }

  get count(): number {
    return this.#count;
  }

  /** Keeps readings; they are on the disk when it returns. Throws for a disk that cannot be written. */
  hold(reads: readonly { readonly meter: string; readonly read: Read }[], billingOnly: boolean) {
    const { journal, clock } = this.#options;
    const samples = reads.map(({ meter, read: { reading, serial, profile, mark } }) => {
      const wall = clock.restate(reading.time, mark);
      const facts = { lastTime: -1, clock: 0, quality: 0, billingOnly };
      const entry = entryOf(reading, facts);
      const { boot } = clock;
      return { meter, serial, profile, boot, monotonic: clock.toMonotonic(wall), wall, entry };
    });
    hold(journal.database, samples);
    this.#count += samples.length;
  }

  /** Makes entries of all that is kept. Returns the meters that got some. Throws as `hold`; what was
   * not reached then is still kept. */
  release(): Set<string> {
    const { journal, clock, memory, meters } = this.#options;
    const touched = new Set<string>();
    if (this.#count === 0) return touched;
    const after = Math.max(
      Number(journal.note(floorNote) ?? 0),
      ...meters.map((meter) => memory.timeOf(meter)),
    );
    const bounds = { boot: clock.boot, startedAt: clock.ofMonotonic(0), after };
    const dateOf = placing(heldStarts(journal.database), bounds);
    for (;;) {
      const rows = oldestHeld(journal.database, rowsPerCommit);
      // Spoilt ones are gone too.
      if (rows.length === 0) {
        this.#count = 0;
        return touched;
      }
      const samples = rows.flatMap((row) => {
        touched.add(row.meter);
        return this.#dated(row, dateOf(row));
      });
      journal.append(samples, memory.notes(), rows);
      memory.keep();
      this.#count -= rows.length;
    }
  }

  #dated({ meter, serial, profile, entry }: HeldReading, { time, clock }: Dated): Sample[] {
    const { memory, rhythm } = this.#options;
    const away = gapEntry({ time: time - 1, lastTime: memory.timeOf(meter), clock }, rhythm);
    if (away !== undefined) memory.pass(meter, away.time);
    const shown = { serial, profile, registers: billingIn(entry) };
    const quality = memory.judge(meter, shown);
    const dated = entryAt({ ...entry, quality }, { time, clock, lastTime: memory.timeOf(meter) });
    memory.take(meter, dated.time, shown);
    return [...(away === undefined ? [] : [{ meter, entry: away }]), { meter, entry: dated }];
  }
}
