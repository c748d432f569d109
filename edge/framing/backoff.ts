/** Waiting times that double from `minMs` to `maxMs`, each shortened by up to half at random so that
 * many units do not come back in step. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(options: {
    readonly minMs: number;
    readonly maxMs: number;
    /** 0 ≤ x < 1. */
    readonly random: () => number;
  }) {
    this.#minMs = options.minMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random;
  }

  /** How long to wait after one more failure. */
  next(): number {
    const full = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return full * (1 - this.#random() / 2);
  }

  /** After a success. */
  reset(): void {
    this.#failures = 0;
  }

  get failures(): number {
    return this.#failures;
  }
}
