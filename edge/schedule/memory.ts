import { type MeterState, obis, quality, type ReadingEntry } from "@busbar/protocol";
import type { Journal } from "../journal/journal.ts";
import { billingIn, type Decimal, wholeWh } from "./entry.ts";

/** What a reading shows of its meter: its billing registers, and its serial number if it has one. */
export type Shown = {
  readonly serial: string | undefined;
  /** By which profile it is read. */
  readonly profile?: string;
  readonly registers: ReadonlyMap<string, Decimal>;
};

type Known = {
  /** Site ms of the newest entry, 0 before the first. */
  readonly time: number;
  readonly serial?: string;
  readonly profile?: string;
  /** Billing registers as an entry showed them last. */
  readonly registers: Readonly<Record<string, Decimal>>;
  /** Quality of a reset or exchange that no entry with all these registers has told of yet. */
  readonly owed: number;
};

/** What the ledger holds of a meter, as far as its next entry is judged by it. */
export type LedgerMeter = Pick<MeterState, "time" | "importRegister" | "exportRegister">;

/** Entries judged again, in order, and what is known after them as a note. */
export type Rejudgement = {
  entry(entry: ReadingEntry): ReadingEntry | undefined;
  note(): readonly [key: string, value: string];
};

const nothing: Known = { time: 0, registers: {}, owed: quality.measured };

/**
 * What the next entry of each meter is judged by. It goes to the disk with the entries: the ledger
 * refuses for ever a register that fell without its mark, or a time that ran backward, so neither a
 * restart nor pruning may forget what the ledger was told.
 */
export class MeterMemory {
  readonly #journal: Journal;
  readonly #stored = new Map<string, Known>();
  readonly #taken = new Map<string, Known>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Site ms of the newest entry, 0 before the first. */
  timeOf(meter: string): number {
    return this.#of(meter).time;
  }

  /** Billing registers as an entry showed them last. */
  registersOf(meter: string): ReadonlyMap<string, Decimal> {
    return new Map(Object.entries(this.#of(meter).registers));
  }

  /** Quality of a reset or exchange that no entry has told the ledger of yet, else `measured`. */
  owed(meter: string): number {
    return this.#of(meter).owed;
  }

  /** How a reading came about, as `quality` of the wire. */
  judge(meter: string, shown: Shown): number {
    return judge(this.#of(meter), shown);
  }

  /** Takes in that a meter was away until then. */
  pass(meter: string, time: number): void {
    this.#taken.set(meter, { ...this.#of(meter), time });
  }

  /** Takes in that another meter is in a meter's place: what is read next is its first. */
  exchanged(meter: string, time: number): void {
    this.#taken.set(meter, { time, registers: {}, owed: quality.replaced });
  }

  /** Takes in what becomes an entry. */
  take(meter: string, time: number, shown: Shown): void {
    this.#taken.set(meter, after(this.#of(meter), time, shown));
  }

  /**
   * Judges a meter's readings again, as followers of what the ledger holds of it. An entry that is
   * not later than that cannot follow it: none is given back.
   */
  rejudge(meter: string, { time, importRegister, exportRegister }: LedgerMeter): Rejudgement {
    const { serial, profile, owed } = this.#of(meter);
    const who = {
      ...(serial === undefined ? {} : { serial }),
      ...(profile === undefined ? {} : { profile }),
    };
    const registers = Object.fromEntries<Decimal>([
      ...(importRegister === undefined ? [] : [[obis.importEnergy, [importRegister, 0]] as const]),
      ...(exportRegister === undefined ? [] : [[obis.exportEnergy, [exportRegister, 0]] as const]),
    ]);
    let known: Known = { ...nothing, time, registers };
    return {
      entry: (entry) => {
        if (entry.time <= known.time) return undefined;
        const shown = { serial: undefined, registers: billingIn(entry) };
        const marked = entry.quality === quality.reset || entry.quality === quality.replaced;
        const how = marked ? entry.quality : judge(known, shown);
        known = after(known, entry.time, shown, how);
        const stays = how === quality.measured || entry.quality === quality.gap;
        return stays ? entry : { ...entry, quality: how };
      },
      // What no entry has told of yet, the entries do not say.
      note: () => {
        const registers = owed === quality.replaced ? {} : known.registers;
        const after = owed === quality.measured ? known : { ...known, registers, owed };
        return [noteOf(meter), JSON.stringify({ ...after, ...who })];
      },
    };
  }

  /** What is noted of a meter was changed by others. */
  reload(meter: string): void {
    this.#taken.delete(meter);
    this.#stored.delete(meter);
  }

  /** What was taken, as notes for the commit that stores the entries. */
  notes(): ReadonlyMap<string, string> {
    return new Map([...this.#taken].map(([id, known]) => [noteOf(id), JSON.stringify(known)]));
  }

  /** The entries are on the disk. */
  keep(): void {
    for (const [meter, known] of this.#taken) this.#stored.set(meter, known);
    this.#taken.clear();
  }

  /** The entries could not be stored: the next ones are judged as if these had not been read. */
  forget(): void {
    this.#taken.clear();
  }

  #of(meter: string): Known {
    const known = this.#taken.get(meter) ?? this.#stored.get(meter);
    if (known !== undefined) return known;
    const note = this.#journal.note(noteOf(meter));
    const read = note === undefined ? nothing : (JSON.parse(note) as Known);
    this.#stored.set(meter, read);
    return read;
  }
}

/** How a reading came about, after what is known. */
function judge(before: Known, shown: Shown): number {
  const { serial, registers } = shown;
  const known = serial !== undefined && before.serial !== undefined;
  if ((known && serial !== before.serial) || isOther(before, shown)) return quality.replaced;
  if (before.owed !== quality.measured) return before.owed;
  const last = new Map(Object.entries(before.registers));
  return fell(registers, last) ? quality.reset : quality.measured;
}

/**
 * What is known after an entry. The ledger passes over a reset that lacks a register which the meter
 * has shown, and over an exchange that shows none, so these are told of until an entry settles them.
 * Another meter need not have the registers of the one before it.
 */
function after(before: Known, time: number, shown: Shown, how = judge(before, shown)): Known {
  const settled =
    how === quality.replaced
      ? shown.registers.size > 0
      : Object.keys(before.registers).every((code) => shown.registers.has(code));
  const old = how === quality.replaced && settled ? {} : before.registers;
  const { serial = before.serial, profile = before.profile } = shown;
  return {
    time,
    ...(serial === undefined ? {} : { serial }),
    ...(profile === undefined ? {} : { profile }),
    registers: { ...old, ...Object.fromEntries(shown.registers) },
    owed: settled ? quality.measured : how,
  };
}

/** Whether the meter is read by another profile now and does not go on from what was shown before. */
function isOther(before: Known, { profile, registers }: Shown): boolean {
  const changed = profile !== undefined && before.profile !== undefined;
  if (!changed || profile === before.profile) return false;
  const last = new Map(Object.entries(before.registers));
  return [...last.keys()].some((code) => !registers.has(code)) || fell(registers, last);
}

/** Whether a register shows less than before: a reset, an exchange or a misreading. */
export function fell(
  now: ReadonlyMap<string, Decimal>,
  before: ReadonlyMap<string, Decimal>,
): boolean {
  return [...now].some(([code, value]) => {
    const last = before.get(code);
    return last !== undefined && wholeWh(value) < wholeWh(last);
  });
}

/** 1 MW is far above what one meter of a unit measures; 10 kWh covers the coarsest register's step. */
const leapW = 1_000_000;
const leapWh = 10_000;

/** Whether a register rose by more than can have flowed in so many site ms: a misreading, or another
 * meter. */
export function leapt(
  now: ReadonlyMap<string, Decimal>,
  before: ReadonlyMap<string, Decimal>,
  ms: number,
): boolean {
  const most = leapWh + (leapW * Math.max(0, ms)) / 3_600_000;
  return [...now].some(([code, value]) => {
    const last = before.get(code);
    return last !== undefined && wholeWh(value) - wholeWh(last) > most;
  });
}

const noteOf = (meter: string) => `meter/${meter}`;
