import { Failure } from "@busbar/protocol";
import { Backoff } from "../backoff.ts";
import type { Line } from "../line.ts";
import type { Timers } from "../timers.ts";

/** Who hears what a port receives. */
export type PortListener = {
  readonly data: (bytes: Uint8Array) => void;
  readonly lost: (failure: Failure) => void;
};

export type LinePortOptions = {
  readonly name: string;
  readonly line: Line;
  readonly timers: Timers;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
};

/** More waiting readouts than meters on a bus: somebody asks faster than the line can carry. */
const queueMax = 64;

/**
 * A line that is opened when it is needed, and after a loss not before its back-off is over. Meters
 * share it by `retain` and `release`, one after another by `exclusive`; the last one closes it.
 */
export class LinePort {
  readonly name: string;
  readonly timers: Timers;
  readonly #line: Line;
  readonly #backoff: Backoff;
  readonly #listeners = new Set<PortListener>();
  #users = 0;
  #state: "closed" | "open" | "ended" = "closed";
  #opening: Promise<void> | undefined;
  #openAfter = Number.NEGATIVE_INFINITY;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor({ name, line, timers, random }: LinePortOptions) {
    this.name = name;
    this.timers = timers;
    this.#line = line;
    this.#backoff = new Backoff({ minMs: 500, maxMs: 60_000, random });
  }

  retain(): void {
    this.#users += 1;
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    const open = this.#state === "open";
    this.#state = "ended";
    this.#tell(this.failure("meter.bus-closed", "was closed", "never"));
    if (open) await this.#line.close();
  }

  /** Whether its last user left, and it cannot be used any more. */
  get ended(): boolean {
    return this.#state === "ended";
  }

  /** Hears everything from now on; the returned function ends that. */
  listen(listener: PortListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Throws: `Failure` `meter.port-away`, `meter.bus-closed`, and what the line throws. */
  open(): Promise<void> {
    if (this.#state === "open") return Promise.resolve();
    this.#opening ??= this.#openLine().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  write(bytes: Uint8Array): void {
    this.#line.write(bytes);
  }

  /** Whether the speed can be changed: a network's cannot. */
  get hasSpeed(): boolean {
    return this.#line.setBaud !== undefined;
  }

  /** Changes the speed where there is one to change. Throws: `Failure` `meter.port-lost`. */
  async setBaud(baud: number): Promise<void> {
    await this.#line.setBaud?.(baud);
  }

  /** Runs a job when those asked for before are done. Throws: `Failure` `meter.bus-overload`. */
  exclusive<T>(job: () => Promise<T>): Promise<T> {
    if (this.#waiting >= queueMax) {
      const text = `${queueMax} readouts wait already; poll its meters less often`;
      return Promise.reject(this.failure("meter.bus-overload", text, "later"));
    }
    this.#waiting += 1;
    const result = this.#tail.then(job);
    const done = () => {
      this.#waiting -= 1;
    };
    this.#tail = result.then(done, done);
    return result;
  }

  /** A failure in this line's name. */
  failure(code: string, text: string, retry: Failure["retry"], cause?: unknown): Failure {
    const options = cause === undefined ? { retry } : { retry, cause };
    return new Failure(code, `${this.name}: ${text}`, options);
  }

  async #openLine(): Promise<void> {
    this.#assertNotEnded();
    const waitMs = this.#openAfter - this.timers.now();
    if (waitMs > 0) {
      const text = `not there at the moment; it is tried again in ${Math.ceil(waitMs / 1000)} s`;
      throw this.failure("meter.port-away", text, "later");
    }
    try {
      await this.#line.open({
        data: (bytes) => this.#received(bytes),
        lost: (cause) => this.#lost(cause),
      });
    } catch (error) {
      this.#openAfter = this.timers.now() + this.#backoff.next();
      throw error;
    }
    if (this.ended) await this.#line.close();
    this.#assertNotEnded();
    this.#state = "open";
  }

  #assertNotEnded(): void {
    if (this.ended) throw this.failure("meter.bus-closed", "was closed", "never");
  }

  #received(bytes: Uint8Array): void {
    this.#backoff.reset();
    for (const { data } of [...this.#listeners]) data(bytes);
  }

  #lost(cause: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "closed";
    this.#openAfter = this.timers.now() + this.#backoff.next();
    const text = "went away during a read; it is opened again when it is back";
    this.#tell(this.failure("meter.port-lost", text, "later", cause));
  }

  #tell(failure: Failure): void {
    for (const { lost } of [...this.#listeners]) lost(failure);
  }
}
