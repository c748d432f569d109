/** Reasons that are told apart; some come from other programs, which may make up new ones for ever. */
const reasonsMax = 500;

/** What happened how often, by reason: refusals, forged receipts, failed reads, lost connections. */
export class Counters {
  readonly #counts = new Map<string, number>();

  /** `reason` is an `area.reason` code. */
  count(reason: string): void {
    this.add(reason, 1);
  }

  /** The same for many at once. */
  add(reason: string, times: number): void {
    if (times <= 0) return;
    const known = this.#counts.has(reason) || this.#counts.size < reasonsMax;
    const as = known ? reason : "other";
    this.#counts.set(as, (this.#counts.get(as) ?? 0) + times);
  }

  of(reason: string): number {
    return this.#counts.get(reason) ?? 0;
  }

  /** All counts, by reason in alphabetical order. */
  all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
