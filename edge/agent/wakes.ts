import type { SiteClock } from "@busbar/protocol/node";
import type { MarketOutbox } from "./market-outbox.ts";

/** No sleep is longer, so that a clock that was set is noticed. Wall ms. */
const sleepMsMax = 60_000;

/** Wakes the link when a stored quote's time comes. */
export class Wakes {
  readonly #clock: SiteClock;
  readonly #market: MarketOutbox;
  readonly #wake: () => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(clock: SiteClock, market: MarketOutbox, wake: () => void) {
    this.#clock = clock;
    this.#market = market;
    this.#wake = wake;
  }

  /** Something was stored: wakes now, and again when the next frame may go. */
  plan(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#wake();
    const at = this.#market.nextOpening();
    if (at === undefined) return;
    const wait = this.#clock.delay(Math.max(0, at - this.#clock.now())) + 1;
    this.#timer = setTimeout(() => this.plan(), Math.min(sleepMsMax, wait));
  }

  /** For good: a unit that drains its outboxes may quote still, and then closes its database. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
