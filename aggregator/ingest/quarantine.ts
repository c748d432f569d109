/** A message that was refused. `at` is wall-clock ms, `bytes` its beginning, `size` its whole length. */
export type Quarantined = {
  readonly at: number;
  readonly code: string;
  readonly message: string;
  readonly topic: string;
  readonly publisher: string;
  readonly size: number;
  readonly bytes: Uint8Array;
};

/** The newest refused messages. Evidence for a person, not a queue: nothing is ever taken from it. */
export class Quarantine {
  readonly #max: number;
  readonly #bytesMax: number;
  readonly #entries: Quarantined[] = [];

  constructor(max: number, bytesMax: number) {
    this.#max = max;
    this.#bytesMax = bytesMax;
  }

  add(entry: Omit<Quarantined, "size">): void {
    const bytes = entry.bytes.slice(0, this.#bytesMax);
    this.#entries.push({ ...entry, bytes, size: entry.bytes.length });
    if (this.#entries.length > this.#max) this.#entries.shift();
  }

  /** Newest last. */
  list(): readonly Quarantined[] {
    return [...this.#entries];
  }
}
