/** Something that keeps a count of pulses. */
export interface PulseCount {
  readonly count: number;
  add(): void;
  /** The count, after nothing can take it back any more. Throws: `Failure` `meter.counter-unusable`. */
  sync(): Promise<number>;
  close(): Promise<void>;
}

/** A count from 0 that ends with the process: of a line that is only tried out. */
export class PassingCount implements PulseCount {
  count = 0;

  add(): void {
    this.count += 1;
  }

  async sync(): Promise<number> {
    return this.count;
  }

  async close(): Promise<void> {}
}
