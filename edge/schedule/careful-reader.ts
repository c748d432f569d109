import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { Timekeeping } from "../clock/unit-clock.ts";
import type { Counters } from "../status/counters.ts";
import { billingOf, type Decimal, isCredible } from "./entry.ts";
import { fell, leapt, type MeterMemory } from "./memory.ts";
import type { MeterReading, Source } from "./source.ts";

/** A reading that may become an entry, and whose it is. */
export type Read = {
  readonly reading: MeterReading;
  readonly serial: string | undefined;
  readonly profile: string;
  /** The clock that its time is of (`Timekeeping.mark`). */
  readonly mark: number;
};

type Seen = {
  readonly registers: ReadonlyMap<string, Decimal>;
  readonly time: number;
  readonly mark: number;
};

/** What a reader works with. */
export type CarefulOptions = {
  readonly memory: MeterMemory;
  readonly clock: SiteClock & Timekeeping;
  readonly counters: Counters;
  /** Resolves after so many wall ms. */
  readonly sleep?: (ms: number) => Promise<unknown>;
};

/** Further readings of a register that is hard to believe, and site ms between them: a disturbance
 * on the line that spoils one reading may well spoil the next. */
const confirmations = 2;
const confirmMs = 1_000;

/** Reads meters and doubts what they show. */
export class CarefulReader {
  readonly #options: CarefulOptions;
  /** Billing registers as they were read last, on their way to the disk still, or held. */
  readonly #seen = new Map<string, Seen>();

  constructor(options: CarefulOptions) {
    this.#options = options;
  }

  /**
   * A billing register that fell, or rose by more than can have flowed, is read twice more, a while
   * apart, before it is believed; the three must agree. The meter is asked who it is meanwhile: it may
   * have been exchanged between two readings.
   * Throws: `Failure` `meter.register-unsteady`, and those of the source.
   */
  async read(source: Source): Promise<Read> {
    const { counters, clock, memory, sleep = wait } = this.#options;
    const { id, profile } = source.config;
    const seen = this.#seen.get(id);
    const before = seen?.registers ?? memory.registersOf(id);
    const since = () =>
      seen === undefined ? memory.timeOf(id) : clock.restate(seen.time, seen.mark);
    const odd = ({ time, values }: MeterReading) =>
      fell(billingOf(values), before) || leapt(billingOf(values), before, time - since());
    let read = await this.#once(source);
    if (odd(read.reading)) source.doubt();
    for (let left = confirmations; left > 0 && odd(read.reading); left--) {
      await sleep(clock.delay(confirmMs));
      const again = await this.#once(source);
      if (!odd(again.reading)) counters.count("meter.misread");
      else if (!follows(again.reading, read.reading)) throw unsteady(id);
      read = again;
    }
    const { reading, mark } = read;
    const shown = billingOf(reading.values);
    if (fell(shown, before)) counters.count("meter.register-reset");
    else if (odd(reading)) counters.count("meter.register-leapt");
    const registers = new Map([...before, ...shown]);
    this.#seen.set(id, { registers, time: reading.time, mark });
    return { ...read, serial: source.serial, profile };
  }

  /** One reading under one clock: a time that was taken while the clock was set is nobody's. */
  async #once(source: Source): Promise<Pick<Read, "reading" | "mark">> {
    const { clock } = this.#options;
    for (;;) {
      const { mark } = clock;
      const reading = this.#credible(await source.read());
      if (clock.mark === mark) return { reading, mark };
    }
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
}

/** Whether a meter can have shown the one after the other. */
function follows(now: MeterReading, before: MeterReading): boolean {
  const [shown, last] = [billingOf(now.values), billingOf(before.values)];
  return !fell(shown, last) && !leapt(shown, last, now.time - before.time);
}

function unsteady(meter: string): Failure {
  const message = `${meter}: energy registers differ from one reading to the next; look for noise, a loose wire, or two meters with one address`;
  return new Failure("meter.register-unsteady", message, { retry: "later" });
}
