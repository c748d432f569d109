import { type Faults, usualMs } from "./faults.ts";

type Share = {
  [Name in keyof Faults]-?: NonNullable<Faults[Name]> extends number ? Name : never;
}[keyof Faults];

/** Draws that are the same in every run with one seed. */
export class Dice {
  readonly #random: () => number;

  /** `random`: 0 ≤ x < 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Whether a fault happens now. A fault that is not set takes no draw. */
  hits(faults: Faults, fault: Share): boolean {
    const share = faults[fault] ?? 0;
    return share > 0 && this.#random() < share;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  /** A time within the span that the faults set, ms. */
  ms(faults: Faults, name: keyof typeof usualMs): number {
    const [from, to] = faults[name] ?? usualMs[name];
    return from + this.#random() * (to - from);
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
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
