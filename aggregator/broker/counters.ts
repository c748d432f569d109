/** How often each thing happened, by its catalogued code. Codes are constants, so the table is bounded. */
export class Counters {
  readonly #counts = new Map<string, number>();

  count(code: string): void {
    this.#counts.set(code, this.of(code) + 1);
  }

  of(code: string): number {
    return this.#counts.get(code) ?? 0;
  }

  /** Sorted by code. */
  all(): readonly (readonly [code: string, count: number])[] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
