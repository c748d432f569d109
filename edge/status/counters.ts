/** What happened how often, by reason: refusals, forged receipts, failed reads, lost connections. */
export class Counters {
  readonly #counts = new Map<string, number>();

  /** `reason` is an `area.reason` code. */
  count(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  of(reason: string): number {
    return this.#counts.get(reason) ?? 0;
  }

  /** All counts, by reason in alphabetical order. */
  all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
