/** What was dropped or came to pass, counted by reason. */
export class Tally {
  readonly #counts = new Map<string, number>();
  readonly #refusedOf = new Map<string, number>();

  count(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  /** A member's message was dropped, which is counted as its own, too. */
  refuse(from: string, reason: string): void {
    this.#refusedOf.set(from, (this.#refusedOf.get(from) ?? 0) + 1);
    this.count(reason);
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort());
  }

  /** By member. */
  get refused(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#refusedOf].sort());
  }
}
