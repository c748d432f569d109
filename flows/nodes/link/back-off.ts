/** First pause between two attempts, ms. */
const first = 1_000;
/** Longest pause: a broker that comes back is found within a minute. */
const longest = 60_000;
/** A connection that lived this long was a good one. Two clients with one id end each other's
 * connections at once; they must not start again from the first pause every time. */
const settled = 30_000;

/** How long to wait before the next connection attempt: doubling, half of it random. */
export class BackOff {
  #failures = 0;
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Pause in ms after a connection that lived `livedMs` (0: it was never made). */
  next(livedMs: number): number {
    if (livedMs >= settled) this.#failures = 0;
    const whole = Math.min(longest, first * 2 ** Math.min(this.#failures, 16));
    this.#failures += 1;
    return Math.round(whole / 2 + (this.#random() * whole) / 2);
  }
}
