/** Login tokens that were used, each until it expires anyway. */
export class SpentTokens {
  readonly #max: number;
  readonly #until = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** False when the token was spent before. When full, the token spent longest ago is forgotten. */
  spend(token: string, untilMs: number, nowMs: number): boolean {
    for (const [known, until] of this.#until) {
      // In order of use, so nearly in order of expiry: stop at the first that still counts.
      if (until >= nowMs && this.#until.size < this.#max) break;
      this.#until.delete(known);
    }
    if (this.#until.has(token)) return false;
    this.#until.set(token, untilMs);
    return true;
  }

  get size(): number {
    return this.#until.size;
  }
}
