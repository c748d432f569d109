/** Where a read of registers begins. */
type Start = { readonly unit: number; readonly function: number; readonly address: number };

/** A meter may be exchanged for one that has more registers: after this it is asked again. */
const lifetimeMs = 600_000;
/** More starts of reads than the meters of one bus have. */
const startsMax = 512;

/** Reads that a unit refused once they were lengthened: what lies behind the registers does not exist. */
export class RefusedLengths {
  /** The smallest count that was refused at a start, and until when that counts. */
  readonly #starts = new Map<string, { readonly count: number; readonly until: number }>();

  note(start: Start, count: number, now: number): void {
    if (this.#starts.size >= startsMax) this.#starts.clear();
    this.#starts.set(keyOf(start), { count, until: now + lifetimeMs });
  }

  /** Whether so many registers are more than the unit has there. */
  has(start: Start, count: number, now: number): boolean {
    const refused = this.#starts.get(keyOf(start));
    return refused !== undefined && now < refused.until && count >= refused.count;
  }
}

const keyOf = ({ unit, function: code, address }: Start) => `${unit}/${code}/${address}`;
