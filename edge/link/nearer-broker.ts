import { type BackOffBounds, backOffMs } from "./back-off.ts";

/** What the watch needs from outside; times are monotonic ms. */
export type NearerBrokerOptions = {
  /** Whether the broker at this place of the list answers and has an aggregator that is ready. */
  readonly isReady: (index: number) => Promise<boolean>;
  readonly onFound: (index: number) => void;
  readonly now: () => number;
  readonly random: () => number;
  readonly bounds: BackOffBounds;
};

/** A return that held for so long was a good one: the next is looked for as soon again. */
const heldMs = 5 * 60_000;

/**
 * Looks from time to time whether a broker nearer than the one in use is back, ever more rarely while
 * none is. One that is found and does not hold is looked for more rarely too, so that a unit does not
 * swing between two brokers.
 */
export class NearerBroker {
  readonly #options: NearerBrokerOptions;
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  #foundAt: number | undefined;
  /** Which watch this is: a look that began in an earlier one says nothing any more. */
  #watch = 0;

  constructor(options: NearerBrokerOptions) {
    this.#options = options;
  }

  /** The broker at `index` is in use now. */
  watch(index: number): void {
    this.stop();
    const { now } = this.#options;
    if (this.#foundAt !== undefined && now() - this.#foundAt >= heldMs) this.#looks = 0;
    if (index > 0) this.#plan(index);
  }

  /** No connection stands: the attempts themselves find the nearest. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#watch += 1;
  }

  #plan(index: number): void {
    const { bounds, random } = this.#options;
    this.#looks += 1;
    const wait = backOffMs(this.#looks, bounds, random);
    this.#timer = setTimeout(() => void this.#look(index), wait);
  }

  async #look(index: number): Promise<void> {
    const watch = this.#watch;
    for (let nearer = 0; nearer < index; nearer++) {
      const ready = await this.#options.isReady(nearer);
      if (watch !== this.#watch) return;
      if (!ready) continue;
      this.#foundAt = this.#options.now();
      return this.#options.onFound(nearer);
    }
    this.#plan(index);
  }
}
