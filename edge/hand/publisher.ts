import { join } from "node:path";
import { clockSource, Failure, isId, type Signer, type UtcMs, utcMs } from "@busbar/protocol";
import type { Logger } from "pino";
import { loadMembership } from "../config/membership-file.ts";
import type { BrokerConfig } from "../config/schema.ts";
import { lockFolder } from "../journal/database.ts";
import { Keeper } from "../journal/keeper.ts";
import { ReadingsOutbox } from "../journal/readings-outbox.ts";
import { Link } from "../link/link.ts";
import type { LinkStatus } from "../link/link-options.ts";
import { Adoption } from "../schedule/adoption.ts";
import { billingOf, entryOf, isCredible, type RegisterValue } from "../schedule/entry.ts";
import { fell, leapt, MeterMemory } from "../schedule/memory.ts";
import { Counters } from "../status/counters.ts";
import { quietLog } from "./quiet-log.ts";

/** A reading that somebody else took, such as a flow of a person's own. */
export type HandedReading = {
  readonly meter: string;
  /** Site ms. */
  readonly time: number;
  readonly values: readonly RegisterValue[];
  readonly serial?: string | undefined;
  /** The meter was set back: its registers may show less than before. */
  readonly reset?: boolean;
};

/** Whose readings they are, where they are kept, and where they go. */
export type PublisherOptions = {
  readonly site: string;
  readonly device: string;
  readonly signer: Signer;
  /** Path of the site's membership.json: whom receipts are checked against. */
  readonly membership: string;
  readonly brokers: readonly BrokerConfig[];
  /** Folder of the journal, of this device alone. */
  readonly data: string;
  /** Told what a person should read. */
  readonly report: (text: string) => void;
  /** Told when readings got their receipts. */
  readonly onCommitted?: () => void;
};

/** How a publisher stands. `waiting`: batches without a receipt. */
export type PublisherStatus = Pick<LinkStatus, "connected" | "hostReady" | "problem"> & {
  readonly waiting: number;
  readonly refused: string | undefined;
};

/** So many readings, or such an age, make a batch; and each twelfth of an hour, which every slot's
 * boundary is one of. */
const batch = { entries: 12, ageMs: 60_000 };
const boundaryMs = 5 * 60_000;
const retention = { days: 40, megabytes: 512 };
/** As for a unit: the ledger's chain must have stood still before it is taken over. */
const quietMs = 30 * 60_000;
const pruneMs = 10 * 60_000;

/**
 * Opens the way of handed readings to the ledger: journal, signature, MQTT, receipts.
 * Throws: `Failure` `hand.device`, `hand.membership`, `journal.*`, `membership.*`, `ConfigError`.
 */
export function openPublisher(options: PublisherOptions): Publisher {
  const { site, device, data, membership } = options;
  if (!isId(device)) {
    throw new Failure("hand.device", `expected a device's id, got ${device}`, { retry: "never" });
  }
  const members = loadMembership(membership, site);
  if (members === undefined) {
    const message = `${membership}: there is no membership file here; the aggregator's init writes it`;
    throw new Failure("hand.membership", message, { retry: "never" });
  }
  const lock = lockFolder(data);
  try {
    return new Publisher(options, members, lock.release);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A unit without meters: what it signs is handed to it. */
export class Publisher {
  readonly #device: string;
  readonly #keeper: Keeper;
  readonly #memory: MeterMemory;
  readonly #outbox: ReadingsOutbox;
  readonly #link: Link;
  readonly #release: () => void;
  readonly #timers: NodeJS.Timeout[];
  readonly #meters = new Set<string>();
  #now = 0;

  constructor(
    options: PublisherOptions,
    membership: NonNullable<ReturnType<typeof loadMembership>>,
    release: () => void,
  ) {
    const { site: chain, device, signer, brokers, data, report, onCommitted } = options;
    this.#device = device;
    this.#release = release;
    const counters = new Counters();
    const log = quietLog(report) as Logger;
    const clock = { known: true, now: () => this.#time() };
    this.#keeper = new Keeper({ folder: data, chain, signer, retention, clock, counters, log });
    const { journal } = this.#keeper;
    this.#memory = new MeterMemory(journal);
    this.#outbox = new ReadingsOutbox(journal.database);
    const memory = this.#memory;
    const adoption = new Adoption({ journal, memory, now: () => this.#time(), quietMs });
    const stepNotes = {
      read: (name: string) => journal.note(name),
      write: (name: string, value: string) => journal.setNote(name, value),
    };
    this.#link = new Link({
      chain,
      device,
      signer,
      membership,
      stepNotes,
      brokers,
      outboxes: [this.#outbox],
      nextSession: () => this.#keeper.nextSession(),
      birth: () => ({ time: this.#time(), meters: [...this.#meters].map((id) => ({ id })) }),
      onTip: (tip) => adoption.take(tip),
      ...(onCommitted === undefined ? {} : { onCommitted }),
      counters,
      log,
    });
    this.#link.start();
    this.#timers = [
      setInterval(() => this.#sealDue(), batch.ageMs / 4),
      setInterval(() => this.#keeper.prune(), pruneMs),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  /** What stands between the readings and the ledger. */
  get status(): PublisherStatus {
    const { connected, hostReady, problem, blocked } = this.#link.status;
    const waiting = this.#outbox.lanes().length;
    return { connected, hostReady, problem, waiting, refused: blocked[0]?.code };
  }

  /**
   * Puts a reading into the journal, on the disk when it returns its number.
   * Throws: `Failure` `hand.meter`, `hand.values`, `hand.time`, `hand.register-fell`,
   * `hand.register-leapt`, `journal.*`.
   */
  take(reading: HandedReading): number {
    this.#check(reading);
    const { meter, serial, values, time } = reading;
    const { journal, disk } = this.#keeper;
    const shown = { serial, registers: billingOf(values) };
    const lastTime = this.#memory.timeOf(meter);
    const quality = this.#memory.judge(meter, shown);
    const context = { lastTime, quality, clock: clockSource.informative, billingOnly: false };
    const entry = entryOf({ time, values }, context);
    this.#memory.take(meter, entry.time, shown);
    try {
      const [seq = 0] = disk.write(() => journal.append([{ meter, entry }], this.#memory.notes()));
      this.#memory.keep();
      this.#meters.add(meter);
      this.#now = Math.max(this.#now, entry.time);
      const crossed = Math.floor(entry.time / boundaryMs) > Math.floor(lastTime / boundaryMs);
      this.#seal(meter, crossed);
      this.#link.publishLive(meter, this.#live(reading, seq, quality));
      return seq;
    } catch (error) {
      this.#memory.forget();
      throw error;
    }
  }

  /** Signs what is unsigned and ends; what has no receipt yet is sent at the next start. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const meter of this.#meters) this.#seal(meter, true);
    await this.#link.stop();
    this.#keeper.journal.close();
    this.#release();
  }

  #check({ meter, time, values, reset = false }: HandedReading): void {
    if (!isId(meter)) throw refused("hand.meter", `expected a meter's id, got ${String(meter)}`);
    if (!Number.isSafeInteger(time) || time <= 0) {
      throw refused("hand.time", `expected ms since 1970 UTC as the time, got ${String(time)}`);
    }
    const coded = values.filter(({ obis }) => obis !== undefined);
    const odd = values.find((value) => !isCredible(value));
    if (coded.length === 0 || odd !== undefined) {
      const what = odd === undefined ? "no value with an OBIS code" : `an odd ${odd.obis}`;
      const expected = "energy from 0 to 10 TWh in Wh, and codes like 1-0:1.8.0";
      throw refused("hand.values", `${meter}: expected ${expected}, got ${what}`);
    }
    const last = this.#memory.timeOf(meter);
    if (time <= last) {
      const message = `${meter}: expected a time after ${iso(last)}, got ${iso(time)}`;
      throw refused("hand.time", message);
    }
    const [now, before] = [billingOf(values), this.#memory.registersOf(meter)];
    if (!reset && fell(now, before)) {
      const message = `${meter}: an energy register shows less than before; mark the reading with reset where the meter was set back or exchanged`;
      throw refused("hand.register-fell", message);
    }
    if (before.size > 0 && leapt(now, before, time - last)) {
      const message = `${meter}: an energy register rose by more than can have flowed: are these kWh, or another meter's?`;
      throw refused("hand.register-leapt", message);
    }
  }

  #sealDue(): void {
    for (const meter of this.#meters) this.#seal(meter, true);
  }

  #seal(meter: string, now: boolean): void {
    const { journal, disk } = this.#keeper;
    if (!now && journal.unsealed(meter).count < batch.entries) return;
    if (disk.write(() => journal.seal(meter, batch.entries)) > 0) this.#link.wake();
  }

  #live({ meter, time, values }: HandedReading, seq: number, quality: number): object {
    const plain = values.flatMap(({ obis, mantissa, exponent }) =>
      obis === undefined ? [] : [[obis, mantissa * 10 ** exponent] as const],
    );
    const device = this.#device;
    return { meter, device, time, seq, quality, values: Object.fromEntries(plain), quantities: {} };
  }

  /** The site's time as the readings tell it; a virtual site's is not the machine's. */
  #time(): UtcMs {
    return utcMs(this.#now === 0 ? Date.now() : this.#now);
  }
}

/** Where a device's journal stands in a folder of several. */
export const journalFolder = (folder: string, site: string, device: string): string =>
  join(folder, site, device);

function refused(code: string, message: string): Failure {
  return new Failure(code, message, { retry: "never" });
}

const iso = (time: number) => new Date(time).toISOString();
