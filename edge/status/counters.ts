/** What happened how often, by reason: refusals, forged receipts, failed reads, lost connections. */
export class Counters {
  readonly #counts = new Map<string, number>();

  /** `reason` is an `area.reason` code. */
  count(reason: string): void {
    this.add(reason, 1);
  }

  /** The same for many at once. */
  add(reason: string, times: number): void {
    if (times > 0) this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + times);
  }

  of(reason: string): number {
    return this.#counts.get(reason) ?? 0;
  }

  /** All counts, by reason in alphabetical order. */
  all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
