import type { Edge } from "./gpiomon-lines.ts";

/** What is a pulse and what is a bouncing contact. */
export type PulseLimits = {
  /** A level counts that held so long. IEC 62053-31: pulses and gaps last 30 ms at least. */
  readonly widthMsMin: number;
  /** From a pulse's beginning to the next one's; more often is more than the meter can measure. */
  readonly intervalMsMin: number;
};

/** What the filter did not count. */
export type FilterCounters = {
  /** Pulses that came sooner after another than any meter sends them. */
  readonly tooSoon: number;
  /** Twice the same edge: the one between was too short for the kernel, or was lost. */
  readonly missedEdges: number;
};

/**
 * Tells pulses from bouncing contacts and disturbances by how long levels hold. A pulse is counted at
 * its end, once; a gap within it that is too short to be one does not part it. A pulse under way when
 * listening begins is not counted, because its width is not known.
 */
export class PulseFilter {
  readonly #widthUs: number;
  readonly #intervalUs: number;
  #level: boolean | undefined;
  #since = 0;
  /** The last level that held long enough. */
  #settled: boolean | undefined;
  #lastPulse: number | undefined;
  #counters: FilterCounters = { tooSoon: 0, missedEdges: 0 };

  constructor({ widthMsMin, intervalMsMin }: PulseLimits) {
    this.#widthUs = widthMsMin * 1000;
    this.#intervalUs = intervalMsMin * 1000;
  }

  get counters(): FilterCounters {
    return this.#counters;
  }

  /** Listening begins anew: what the level did meanwhile is not known. */
  restart(): void {
    this.#level = undefined;
    this.#settled = undefined;
    this.#lastPulse = undefined;
  }

  /** The beginning, on the kernel's clock, of the pulse that this edge completes. */
  push({ active, us }: Edge): number | undefined {
    // Only another boot's clock runs backwards.
    if (us < this.#since) this.restart();
    const began = this.#settle(us);
    if (active === this.#level) this.#count("missedEdges");
    this.#level = active;
    this.#since = us;
    return began;
  }

  #settle(us: number): number | undefined {
    if (this.#level === undefined || us - this.#since < this.#widthUs) return undefined;
    const fresh = this.#level && this.#settled !== true;
    this.#settled = this.#level;
    if (!fresh) return undefined;
    const began = this.#since;
    if (this.#lastPulse !== undefined && began - this.#lastPulse < this.#intervalUs) {
      this.#count("tooSoon");
      return undefined;
    }
    this.#lastPulse = began;
    return began;
  }

  #count(what: keyof FilterCounters): void {
    this.#counters = { ...this.#counters, [what]: this.#counters[what] + 1 };
  }
}
