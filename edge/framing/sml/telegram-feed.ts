import { Failure, type UtcMs } from "@busbar/protocol";
import type { Line } from "../line.ts";
import type { Timers } from "../timers.ts";
import { SmlFramer } from "./transport.ts";

/** A transmission and when its last byte came. */
export type FedTelegram = { readonly payload: Uint8Array; readonly time: UtcMs };

/** What came over a line since it was made. */
export type FeedCounters = {
  readonly bytes: number;
  readonly telegrams: number;
  readonly damagedBytes: number;
};

type Waiter = {
  readonly resolve: (telegram: FedTelegram) => void;
  readonly reject: (failure: Failure) => void;
};

/**
 * The telegrams that a meter pushes unasked. The line is opened by the first who waits and listened to
 * from then on, so that a telegram is never begun in its middle; a line that went away is opened
 * again by the next who waits.
 */
export class TelegramFeed {
  readonly #name: string;
  readonly #line: Line;
  readonly #timers: Timers;
  readonly #clock: () => UtcMs;
  readonly #waiters = new Set<Waiter>();
  #framer = new SmlFramer();
  #opening: Promise<void> | undefined;
  #counters: FeedCounters = { bytes: 0, telegrams: 0, damagedBytes: 0 };
  #closed = false;

  constructor(options: {
    /** The line in words, for messages. */
    readonly name: string;
    readonly line: Line;
    readonly timers: Timers;
    readonly clock: () => UtcMs;
  }) {
    this.#name = options.name;
    this.#line = options.line;
    this.#timers = options.timers;
    this.#clock = options.clock;
  }

  get counters(): FeedCounters {
    return this.#counters;
  }

  /**
   * The next telegram that is completed from now on.
   * Throws: `Failure` `meter.timeout` when nothing comes, `meter.garbled` when only damage comes,
   * `meter.line-lost`, `meter.closed`, and what the line's `open` throws.
   */
  async next(waitMs: number): Promise<FedTelegram> {
    await this.#open();
    const before = this.#counters;
    return new Promise((resolve, reject) => {
      const done = () => {
        cancel();
        this.#waiters.delete(waiter);
      };
      const cancel = this.#timers.after(waitMs, () => {
        done();
        reject(this.#silence(waitMs, before));
      });
      const waiter: Waiter = {
        resolve: (telegram) => {
          done();
          resolve(telegram);
        },
        reject: (failure) => {
          done();
          reject(failure);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#fail(this.#closedFailure());
    await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    await this.#line.close();
  }

  async #open(): Promise<void> {
    if (this.#closed) throw this.#closedFailure();
    this.#opening ??= this.#openLine();
    await this.#opening;
    if (this.#closed) throw this.#closedFailure();
  }

  async #openLine(): Promise<void> {
    this.#framer = new SmlFramer();
    try {
      await this.#line.open({
        data: (bytes) => this.#take(bytes),
        lost: (cause) => {
          this.#opening = undefined;
          const message = `${this.#name} went away; is the adapter still plugged in?`;
          this.#fail(new Failure("meter.line-lost", message, { retry: "later", cause }));
        },
      });
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  #take(bytes: Uint8Array): void {
    let { telegrams, damagedBytes } = this.#counters;
    for (const item of this.#framer.push(bytes)) {
      if (item.kind === "damage") damagedBytes += item.bytes.length;
      else {
        telegrams += 1;
        const telegram = { payload: item.payload, time: this.#clock() };
        for (const waiter of [...this.#waiters]) waiter.resolve(telegram);
      }
    }
    this.#counters = { bytes: this.#counters.bytes + bytes.length, telegrams, damagedBytes };
  }

  #fail(failure: Failure): void {
    for (const waiter of [...this.#waiters]) waiter.reject(failure);
  }

  #silence(waitMs: number, before: FeedCounters): Failure {
    const bytes = this.#counters.bytes - before.bytes;
    const seconds = waitMs / 1000;
    if (bytes === 0) {
      const message = `nothing came from ${this.#name} in ${seconds} s; is the optical head on the meter's infrared window, the right way up?`;
      return new Failure("meter.timeout", message, { retry: "later" });
    }
    const message = `${bytes} bytes came from ${this.#name} in ${seconds} s, and no whole SML telegram; check that the port is at 9600 8N1, that the head sits straight and out of the sun, and that the meter speaks SML`;
    return new Failure("meter.garbled", message, { retry: "later" });
  }

  #closedFailure(): Failure {
    return new Failure("meter.closed", `${this.#name} was closed`, { retry: "never" });
  }
}
