import type { Timers } from "../timers.ts";

type Timer = { readonly at: number; readonly order: number; readonly run: () => void };

/** A clock that stands still until `run` moves it from timer to timer. */
export class VirtualTimers implements Timers {
  #now = 0;
  #order = 0;
  #timers: Timer[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves time on until the promise settles. Throws when nothing is left to wait for. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    promise.then(settle, settle);
    for (;;) {
      await new Promise(setImmediate);
      if (settled) return promise;
      const next = this.#next();
      if (next === undefined) throw new Error("nothing is left to wait for");
      this.#now = next.at;
      next.run();
    }
  }

  #next(): Timer | undefined {
    this.#timers.sort((a, b) => a.at - b.at || a.order - b.order);
    return this.#timers.shift();
  }
}

/** Random numbers that are the same in every run (mulberry32). Shape: 0 ≤ x < 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
