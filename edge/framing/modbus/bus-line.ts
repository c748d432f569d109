import { Failure } from "@busbar/protocol";
import { Backoff } from "../backoff.ts";
import type { BusCounters } from "../bus-counters.ts";
import type { Line, Trace } from "../line.ts";
import { sleep, type Timers } from "../timers.ts";
import type { Receiver } from "./receiver.ts";

/** USB adapters hand over bytes in steps of up to 16 ms: shorter pauses are no silence. */
const silenceMs = 20;
/** A network connection that leaves so many requests in a row without a byte is made anew: a router
 * on the way may have forgotten it, which nobody would tell us for many minutes. */
const silentRequestsMax = 2;
/** A line that never falls silent (broken wiring) is asked all the same after this. */
const drainMsMax = 2000;

type BusLineOptions = {
  readonly name: string;
  readonly line: Line;
  /** Undefined for a network. */
  readonly baud: number | undefined;
  readonly timers: Timers;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly trace: Trace | undefined;
  readonly receiver: Receiver;
  readonly counters: BusCounters;
  /** Opens the line through whoever uses it, which comes back here as `open`. */
  readonly dial: () => Promise<void>;
  /** An answer that was waited for is here. */
  readonly answered: (frame: Uint8Array) => void;
  /** The line went away; what is waited for will not come. */
  readonly lost: (failure: Failure) => void;
};

/**
 * The line below a port: opened when it is needed and anew when it is back, silent before each request.
 */
export class BusLine {
  readonly #options: BusLineOptions;
  readonly #backoff: Backoff;
  #open = false;
  #closed = false;
  #openAfter = Number.NEGATIVE_INFINITY;
  #quietUntil = 0;
  #lastByteAt = Number.NEGATIVE_INFINITY;
  /** Requests since the last byte, none of them answered. */
  #silentRequests = 0;

  constructor(options: BusLineOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ minMs: 500, maxMs: 60_000, random: options.random });
  }

  /** When the last byte came, by the timers' clock. */
  get lastByteAt(): number {
    return this.#lastByteAt;
  }

  isOpen(): boolean {
    return this.#open;
  }

  /** The line is open, silent and past its quarantine, and all that came meanwhile is counted. */
  async ready(): Promise<void> {
    const { counters, receiver, timers } = this.#options;
    if (!this.#open) await this.#reopen();
    const start = timers.now();
    for (;;) {
      const now = timers.now();
      const wait = Math.max(this.#quietUntil, this.#lastByteAt + this.#gapMs()) - now;
      if (wait <= 0) break;
      if (now - start > drainMsMax + Math.max(0, this.#quietUntil - start)) {
        counters.babble += 1;
        break;
      }
      await sleep(timers, wait);
      if (!this.#open) await this.#reopen();
    }
    receiver.flush();
  }

  async open(): Promise<void> {
    const { counters, line, receiver, timers } = this.#options;
    await line.open({
      data: (bytes) => this.#received(bytes),
      lost: (cause) => this.#lost(cause),
    });
    if (this.#closed) {
      await line.close();
      throw this.closedFailure();
    }
    counters.opens += 1;
    this.#open = true;
    receiver.reset();
    // Answers to whoever used the line before may still be on their way.
    if (receiver.ambiguous) this.#quietUntil = timers.now() + silenceMs;
  }

  write(bytes: Uint8Array): void {
    const { line, name, trace } = this.#options;
    trace?.({ bus: name, direction: "sent", bytes });
    line.write(bytes);
  }

  /** A request was left without an answer: the next one waits `quarantineMs` longer, ms. */
  unanswered(quarantineMs: number): void {
    const { receiver, timers } = this.#options;
    this.#silentRequests += 1;
    if (this.#silentRequests >= silentRequestsMax) this.#abandon();
    if (receiver.ambiguous) this.#quietUntil = timers.now() + quarantineMs;
  }

  /** Nothing is opened from now on. Returns whether the line is open still, and for `close` to close. */
  end(): boolean {
    this.#closed = true;
    const wasOpen = this.#open;
    this.#open = false;
    return wasOpen;
  }

  close(): Promise<void> {
    return this.#options.line.close();
  }

  /** Why nothing can be asked once the line was ended. */
  closedFailure(): Failure {
    return this.#failure("meter.bus-closed", "was closed", "never");
  }

  /** Time on the wire, ms; 0 by a network. */
  wireMs(bytes: number): number {
    const { baud } = this.#options;
    return baud === undefined ? 0 : (bytes * 10_000) / baud;
  }

  /** Gives up a network connection on which nothing comes any more; the next read makes a new one. */
  #abandon(): void {
    if (this.#options.baud !== undefined || !this.#open) return;
    this.#open = false;
    this.#silentRequests = 0;
    this.#options.counters.abandoned += 1;
    void this.close();
  }

  /** Silence before a request: 3.5 characters, and more where answers may still be under way. */
  #gapMs(): number {
    if (!this.#options.receiver.ambiguous) return 0;
    const quarantined = this.#quietUntil >= this.#lastByteAt;
    return quarantined ? silenceMs : Math.max(2, this.wireMs(3.5));
  }

  /** The longest pause within a frame: USB adapters and slow lines make some, networks longer ones. */
  #frameGapMs(): number {
    return this.#options.baud === undefined ? 250 : Math.max(50, this.wireMs(4));
  }

  async #reopen(): Promise<void> {
    const { counters, dial, timers } = this.#options;
    if (this.#closed) throw this.closedFailure();
    const waitMs = this.#openAfter - timers.now();
    if (waitMs > 0) {
      const text = `not there at the moment; it is tried again in ${Math.ceil(waitMs / 1000)} s`;
      throw this.#failure("meter.port-away", text, "later");
    }
    try {
      await dial();
    } catch (error) {
      counters.openFailures += 1;
      this.#openAfter = timers.now() + this.#backoff.next();
      throw error;
    }
  }

  #received(bytes: Uint8Array): void {
    const { answered, counters, name, receiver, timers, trace } = this.#options;
    const now = timers.now();
    const parted = now - this.#lastByteAt > this.#frameGapMs();
    this.#lastByteAt = now;
    this.#silentRequests = 0;
    trace?.({ bus: name, direction: "received", bytes });
    const answer = receiver.push(bytes, parted);
    if (answer === "broken") {
      counters.broken += 1;
      void this.close();
      this.#lost(new Error("the peer does not speak Modbus TCP"));
    } else if (answer !== undefined) {
      this.#backoff.reset();
      answered(answer);
    }
  }

  #lost(cause: unknown): void {
    if (!this.#open) return;
    this.#open = false;
    this.#options.counters.lost += 1;
    this.#openAfter = this.#options.timers.now() + this.#backoff.next();
    const text = "went away during a read; it is opened again when it is back";
    this.#options.lost(this.#failure("meter.port-lost", text, "later", cause));
  }

  #failure(code: string, text: string, retry: Failure["retry"], cause?: unknown): Failure {
    const message = `${this.#options.name}: ${text}`;
    return new Failure(code, message, cause === undefined ? { retry } : { retry, cause });
  }
}
