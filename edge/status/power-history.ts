/** Points of an hour, and how long each is: site ms. */
export const historyPoints = 120;
const pointMs = 30_000;

/** A meter's power over the last hour, one mean for each half minute: a kilobyte, whatever the pace. */
export class PowerHistory {
  readonly #sums = new Float64Array(historyPoints);
  readonly #counts = new Uint32Array(historyPoints);
  #newest = Number.NEGATIVE_INFINITY;

  /** `time`: site ms. What is older than the newest hour is left out. */
  add(time: number, watts: number): void {
    const point = Math.floor(time / pointMs);
    if (point <= this.#newest - historyPoints) return;
    this.#forgetUpTo(point);
    const at = point % historyPoints;
    this.#sums[at] = (this.#sums[at] ?? 0) + watts;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /** Oldest first, ending now; undefined where nothing was read. */
  points(now: number): (number | undefined)[] {
    const last = Math.floor(now / pointMs);
    return Array.from({ length: historyPoints }, (_, i) => {
      const point = last - historyPoints + 1 + i;
      if (point > this.#newest || point <= this.#newest - historyPoints) return undefined;
      const at = ((point % historyPoints) + historyPoints) % historyPoints;
      const count = this.#counts[at] ?? 0;
      return count === 0 ? undefined : Math.round((this.#sums[at] ?? 0) / count);
    });
  }

  #forgetUpTo(point: number): void {
    const from = Math.max(this.#newest + 1, point - historyPoints + 1);
    for (let old = from; old <= point; old++) {
      this.#sums[old % historyPoints] = 0;
      this.#counts[old % historyPoints] = 0;
    }
    this.#newest = Math.max(this.#newest, point);
  }
}
