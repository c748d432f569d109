import { Failure } from "@busbar/protocol";
import type { Line } from "./line.ts";
import type { Timers } from "./timers.ts";

/** What is looked for in a stream: it gives its find once what arrived holds it. */
export type Finder<T> = (bytes: Uint8Array) => T | undefined;

/** How long to wait for a find: until so much silence, and at most so long. */
export type Patience = { readonly quietMs: number; readonly totalMs: number };

/** A line that is opened for a few questions only, to find out what speaks on it. */
export class ProbeLine {
  readonly #line: Line;
  readonly #timers: Timers;
  readonly #signal: AbortSignal | undefined;
  #heard: ((bytes: Uint8Array) => void) | undefined;
  #lost: ((failure: Failure) => void) | undefined;

  private constructor(line: Line, timers: Timers, signal: AbortSignal | undefined) {
    this.#line = line;
    this.#timers = timers;
    this.#signal = signal;
  }

  /** Opens a line for `use` and closes it. Throws: what the line throws, `Failure` `meter.port-lost`. */
  static async use<T>(
    { name, line, timers, signal }: ProbeOptions,
    use: (probe: ProbeLine) => Promise<T>,
  ): Promise<T> {
    const probe = new ProbeLine(line, timers, signal);
    await line.open({
      data: (bytes) => probe.#heard?.(bytes),
      lost: (cause) => {
        const text = `${name} went away while it was scanned; is the adapter still plugged in?`;
        probe.#lost?.(new Failure("meter.port-lost", text, { retry: "later", cause }));
      },
    });
    try {
      return await use(probe);
    } finally {
      await line.close();
    }
  }

  /** What the finder finds in what comes from now on; undefined after silence. */
  hear<T>(finder: Finder<T>, { quietMs, totalMs }: Patience): Promise<T | undefined> {
    const timers = this.#timers;
    const signal = this.#signal;
    const start = timers.now();
    let last = start;
    let cancel = () => {};
    const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
    const stop = () => resolve(undefined);
    const check = () => {
      const until = Math.min(last + quietMs, start + totalMs);
      if (timers.now() >= until) stop();
      else cancel = timers.after(until - timers.now(), check);
    };
    this.#lost = reject;
    this.#heard = (bytes) => {
      last = timers.now();
      const found = finder(bytes);
      if (found !== undefined) resolve(found);
    };
    signal?.addEventListener("abort", stop);
    if (signal?.aborted === true) stop();
    else check();
    return promise.finally(() => {
      cancel();
      signal?.removeEventListener("abort", stop);
      [this.#heard, this.#lost] = [undefined, undefined];
    });
  }

  /** The same, of the answer to a request. */
  ask<T>(request: Uint8Array, finder: Finder<T>, patience: Patience): Promise<T | undefined> {
    const answer = this.hear(finder, patience);
    this.#line.write(request);
    return answer;
  }
}

/** Which line is opened. `name`: in words, for messages. An aborted signal ends all waiting. */
export type ProbeOptions = {
  readonly name: string;
  readonly line: Line;
  readonly timers: Timers;
  readonly signal?: AbortSignal | undefined;
};
