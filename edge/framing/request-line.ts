import { Failure } from "@busbar/protocol";
import { Backoff } from "./backoff.ts";
import type { Line, Trace } from "./line.ts";
import { sleep, type Timers } from "./timers.ts";

/** A question to a meter. */
export type Ask<T> = {
  readonly request: Uint8Array;
  /** Who is asked for what, for messages: "meter 000000000161 for 00010000". */
  readonly subject: string;
  /** Makes the reader of one attempt: it gives the answer once what arrived holds it. */
  readonly reader: () => (bytes: Uint8Array) => T | undefined;
  /** How often the request is sent before the meter counts as silent. */
  readonly attempts: number;
};

export type RequestLineOptions = {
  readonly name: string;
  readonly line: Line;
  readonly timers: Timers;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** Silence after which no (more of an) answer is expected. */
  readonly idleMs: number;
  /** The longest that one attempt takes: a line that babbles must not hold its meters for ever. */
  readonly totalMs: number;
  readonly trace?: Trace | undefined;
};

/** More waiting questions than meters on a bus: somebody asks faster than the bus can carry. */
const queueMax = 256;
/** A line that never falls silent (broken wiring) is asked all the same after this. */
const drainMsMax = 2000;

type Attempt = { readonly received: (bytes: Uint8Array) => void; readonly lost: () => void };

/**
 * A half-duplex line on which a meter answers one question at a time. What arrives before a question
 * counts for nothing, and after an unanswered one the line is left alone until it is silent, so that
 * a late answer meets no other question. The first question opens the line; meters share it by
 * `retain` and `release`, and the last one closes it.
 */
export class RequestLine {
  readonly name: string;
  readonly #options: RequestLineOptions;
  readonly #backoff: Backoff;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #users = 0;
  #open = false;
  #closed = false;
  #openAfter = Number.NEGATIVE_INFINITY;
  #quietUntil = Number.NEGATIVE_INFINITY;
  #lastByteAt = Number.NEGATIVE_INFINITY;
  #attempt: Attempt | undefined;

  constructor(options: RequestLineOptions) {
    this.name = options.name;
    this.#options = options;
    this.#backoff = new Backoff({ minMs: 500, maxMs: 60_000, random: options.random });
  }

  /** Whether its last meter gave it up: it is never opened again. */
  get closed(): boolean {
    return this.#closed;
  }

  retain(): void {
    this.#users += 1;
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#closed = true;
    this.#attempt?.lost();
    if (!this.#open) return;
    this.#open = false;
    await this.#options.line.close();
  }

  /**
   * The answer, after the questions asked before.
   * Throws: `Failure` `meter.timeout`, `meter.port-lost`, `meter.port-away`, `meter.bus-overload`,
   * `meter.bus-closed`, and what the line throws when it is opened.
   */
  ask<T>(ask: Ask<T>): Promise<T> {
    if (this.#waiting >= queueMax) {
      const text = `${queueMax} questions wait already; poll its meters less often`;
      return Promise.reject(this.#failure("meter.bus-overload", text, "later"));
    }
    this.#waiting += 1;
    const answer = this.#tail.then(() => this.#attempts(ask));
    const done = () => {
      this.#waiting -= 1;
    };
    this.#tail = answer.then(done, done);
    return answer;
  }

  async #attempts<T>(ask: Ask<T>): Promise<T> {
    for (let left = ask.attempts; left > 0; left -= 1) {
      const answer = await this.#once(ask);
      if (answer !== undefined) return answer.value;
    }
    const text = `no answer to ${ask.attempts} requests to ${ask.subject}; check wiring, address, baud rate and parity`;
    throw this.#failure("meter.timeout", text, "now");
  }

  async #once<T>({ request, reader }: Ask<T>): Promise<{ readonly value: T } | undefined> {
    await this.#ready();
    const { timers, idleMs, totalMs, trace, line } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly value: T } | undefined>();
    const read = reader();
    const silent = () => resolve(undefined);
    let cancelIdle = timers.after(idleMs, silent);
    const cancelTotal = timers.after(totalMs, silent);
    this.#attempt = {
      received: (bytes) => {
        cancelIdle();
        cancelIdle = timers.after(idleMs, silent);
        const value = read(bytes);
        if (value !== undefined) resolve({ value });
      },
      lost: () => reject(this.#failure("meter.port-lost", "went away during a read", "later")),
    };
    trace?.({ bus: this.name, direction: "sent", bytes: request });
    line.write(request);
    try {
      const answer = await promise;
      if (answer === undefined) this.#quietUntil = timers.now() + idleMs;
      return answer;
    } finally {
      cancelIdle();
      cancelTotal();
      this.#attempt = undefined;
    }
  }

  /** The line is open and silent. */
  async #ready(): Promise<void> {
    if (!this.#open) await this.#reopen();
    const { timers, idleMs } = this.#options;
    const start = timers.now();
    const gapMs = Math.min(20, idleMs);
    while (timers.now() - start < drainMsMax + idleMs) {
      const wait = Math.max(this.#quietUntil, this.#lastByteAt + gapMs) - timers.now();
      if (wait <= 0) return;
      await sleep(timers, wait);
      if (!this.#open) await this.#reopen();
    }
  }

  async #reopen(): Promise<void> {
    if (this.#closed) throw this.#failure("meter.bus-closed", "was closed", "never");
    const { timers, line } = this.#options;
    const waitMs = this.#openAfter - timers.now();
    if (waitMs > 0) {
      const text = `not there at the moment; it is tried again in ${Math.ceil(waitMs / 1000)} s`;
      throw this.#failure("meter.port-away", text, "later");
    }
    try {
      await line.open({
        data: (bytes) => this.#received(bytes),
        lost: () => this.#lost(),
      });
    } catch (error) {
      this.#openAfter = timers.now() + this.#backoff.next();
      throw error;
    }
    if (this.#closed) {
      await line.close();
      throw this.#failure("meter.bus-closed", "was closed", "never");
    }
    this.#open = true;
  }

  #received(bytes: Uint8Array): void {
    const { timers, trace } = this.#options;
    this.#lastByteAt = timers.now();
    this.#backoff.reset();
    trace?.({ bus: this.name, direction: "received", bytes });
    this.#attempt?.received(bytes);
  }

  #lost(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#openAfter = this.#options.timers.now() + this.#backoff.next();
    this.#attempt?.lost();
  }

  #failure(code: string, text: string, retry: Failure["retry"]): Failure {
    return new Failure(code, `${this.name}: ${text}`, { retry });
  }
}
