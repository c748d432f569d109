import type { Logger } from "pino";
import type { Timers } from "../framing/timers.ts";
import type { Counters } from "../status/counters.ts";
import type { Actuator } from "./actuator.ts";
import { type KnownOrder, settingAt } from "./plan.ts";

export type ControllerOptions = {
  readonly actuator: Actuator;
  readonly slotMs: number;
  /** Site time; undefined while the unit does not know it. */
  readonly now: () => number | undefined;
  readonly timers: Timers;
  /** Wall ms to the next slot: orders begin and end there. */
  readonly untilSlotMs: () => number;
  /** A held setting is written again so often: devices fall back by themselves without it. Wall ms. */
  readonly refreshMs: number;
  /** No setting is held for longer, whatever orders say: site ms. */
  readonly holdMsMax: number;
  readonly counters: Counters;
  readonly log: Logger;
  /** An order that could not be carried out, after some tries. */
  readonly onFailed: (order: string) => void;
};

/** Tries before an order is given up, a refresh apart. */
const triesMax = 3;

/**
 * Keeps an actuator at what the orders say, and else in its safe state: before the first order, between
 * orders, when the time is not known, when a setting was held for too long, when it fails, and at the end.
 */
export class Controller {
  readonly #options: ControllerOptions;
  #orders: readonly KnownOrder[] = [];
  /** What the actuator was last brought to; undefined: it is not known. */
  #applied: number | "safe" | undefined;
  #heldSince: number | undefined;
  #failures = 0;
  readonly #given = new Set<string>();
  #working: Promise<void> = Promise.resolve();
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#tick();
  }

  /** Other orders count from now on. */
  update(orders: readonly KnownOrder[]): void {
    this.#orders = orders;
    this.look();
  }

  /** Looks at once whether something is to be set. */
  look(): void {
    if (this.#stopped) return;
    this.#cancel?.();
    this.#tick();
  }

  /** What is held now, W; `safe` without orders. */
  get applied(): number | "safe" | undefined {
    return this.#applied;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#working;
    await this.#bring("safe");
    await this.#options.actuator.close();
  }

  #tick(): void {
    const { timers, refreshMs, untilSlotMs } = this.#options;
    this.#working = this.#working.then(() => this.#work());
    const waitMs = Math.max(1, Math.min(refreshMs, untilSlotMs()));
    this.#cancel = timers.after(waitMs, () => this.#tick());
  }

  async #work(): Promise<void> {
    if (this.#stopped) return;
    const wanted = this.#wanted();
    const before = this.#applied;
    // A safe state that stands needs no refresh; a held one does.
    if (wanted === "safe" && before === "safe") return;
    if (await this.#bring(wanted)) {
      this.#failures = 0;
      return;
    }
    this.#failures += 1;
    const order = this.#order();
    if (this.#failures < triesMax || order === undefined) return;
    this.#failures = 0;
    this.#given.add(order);
    this.#options.onFailed(order);
  }

  #order(): string | undefined {
    const now = this.#options.now();
    return now === undefined ? undefined : this.#setting(now)?.order;
  }

  #setting(now: number) {
    const open = this.#orders.filter(({ order }) => !this.#given.has(order));
    return settingAt(open, now, this.#options.slotMs);
  }

  #wanted(): number | "safe" {
    const { now, holdMsMax, actuator, log } = this.#options;
    const time = now();
    const setting = time === undefined ? undefined : this.#setting(time);
    if (time === undefined || setting === undefined) {
      this.#heldSince = undefined;
      return "safe";
    }
    this.#heldSince ??= time;
    if (time - this.#heldSince >= holdMsMax) {
      if (this.#applied !== "safe") log.warn({ order: setting.order }, "held for long enough");
      return "safe";
    }
    return Math.min(actuator.range.maxW, setting.limitW);
  }

  async #bring(wanted: number | "safe"): Promise<boolean> {
    const { actuator, counters, log } = this.#options;
    try {
      await (wanted === "safe" ? actuator.release() : actuator.hold(wanted));
      if (this.#applied !== wanted) log.info({ actuator: actuator.id, to: wanted }, "set");
      this.#applied = wanted;
      return true;
    } catch (error) {
      this.#applied = undefined;
      counters.count("demand.actuator-failed");
      log.error({ actuator: actuator.id, to: wanted, err: error }, "could not be set");
      return false;
    }
  }
}
