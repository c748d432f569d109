import { promisify } from "node:util";
import { flowError } from "../nodes/link/errors.ts";

/** Timers of one day: a flow that looks at something each second has 86 400. */
const firingsMax = 1_000_000;

type Work = (...given: readonly unknown[]) => void;

/** What the process's own timer functions give back, as far as anybody uses it. */
class VirtualTimer {
  readonly #time: VirtualTime;
  readonly work: () => void;
  /** Of an interval, ms; undefined for a timer that runs once. */
  readonly every: number | undefined;
  readonly afterMs: number;

  constructor(
    time: VirtualTime,
    work: () => void,
    { afterMs, again }: { readonly afterMs: number; readonly again: boolean },
  ) {
    this.#time = time;
    this.work = work;
    this.afterMs = afterMs;
    this.every = again ? afterMs : undefined;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    this.#time.arm(this);
    return this;
  }

  close(): this {
    this.#time.disarm(this);
    return this;
  }
}

/**
 * The time of a recorded day in place of the process's own: `Date`, `setTimeout`, `setInterval` and
 * `process.hrtime` stand still until `advance` moves them, so that delays and schedules of a flow happen
 * when they would have, however fast the day runs through. One at a time for a process.
 */
export class VirtualTime {
  readonly #due = new Map<VirtualTimer, { readonly at: number; readonly order: number }>();
  readonly #began: number;
  readonly #firingsMax: number;
  #now: number;
  #order = 0;
  #fired = 0;
  #restore: () => void = () => {};

  /** `at`: where the day begins, ms since 1970 UTC. */
  constructor(at: number, most = firingsMax) {
    this.#began = at;
    this.#now = at;
    this.#firingsMax = most;
  }

  get now(): number {
    return this.#now;
  }

  /** Takes the place of the process's time. */
  install(): void {
    const own = { Date, setTimeout, setInterval, clearTimeout, clearInterval };
    const { hrtime } = process;
    const timer =
      (again: boolean) =>
      (work: Work, ms?: unknown, ...given: readonly unknown[]) =>
        this.#start(() => work(...given), { ms, again });
    const clear = (one: unknown) => {
      if (one instanceof VirtualTimer) this.disarm(one);
      // Made before the day began.
      else own.clearTimeout(one as NodeJS.Timeout | undefined);
    };
    const once = timer(false);
    const later = (ms: unknown, value: unknown) =>
      new Promise((resolve) => once(() => resolve(value), ms));
    Object.assign(globalThis, {
      Date: this.#date(Date),
      setTimeout: Object.assign(once, { [promisify.custom]: later }),
      setInterval: timer(true),
      clearTimeout: clear,
      clearInterval: clear,
    });
    process.hrtime = this.#hrtime(hrtime);
    this.#restore = () => {
      Object.assign(globalThis, own);
      process.hrtime = hrtime;
    };
  }

  /** Gives the process its own time back; what was armed never happens. */
  restore(): void {
    this.#due.clear();
    this.#restore();
  }

  /**
   * Moves on to an instant, through each timer that is due on the way; `settle` waits for all that one of
   * them sets off. Throws: `Failure` `flows.replay-timers` for a flow that never rests.
   */
  async advance(until: number, settle: () => Promise<void>): Promise<void> {
    for (let at = this.#nextAt(); at <= until; at = this.#nextAt()) {
      this.#now = Math.max(this.#now, at);
      for (const timer of this.#dueAt(at)) this.#fire(timer);
      await settle();
    }
    this.#now = Math.max(this.#now, until);
  }

  arm(timer: VirtualTimer): void {
    this.#order += 1;
    this.#due.set(timer, { at: this.#now + timer.afterMs, order: this.#order });
  }

  disarm(timer: VirtualTimer): void {
    this.#due.delete(timer);
  }

  #start(work: () => void, { ms, again }: { readonly ms: unknown; readonly again: boolean }) {
    const asked = Number(ms);
    // As Node does: what is no time, or too long a one, is a millisecond.
    const afterMs = asked >= 1 && asked < 2 ** 31 ? Math.floor(asked) : 1;
    const timer = new VirtualTimer(this, work, { afterMs, again });
    this.arm(timer);
    return timer;
  }

  #fire(timer: VirtualTimer): void {
    // One that was due at the same instant may have ended it.
    if (!this.#due.has(timer)) return;
    this.#fired += 1;
    if (this.#fired > this.#firingsMax) {
      const message = `timers ran ${this.#firingsMax} times by ${new Date(this.#now).toISOString()}: replay a shorter day, or let the flow look less often`;
      throw flowError("flows.replay-timers", message);
    }
    if (timer.every === undefined) this.disarm(timer);
    else this.arm(timer);
    timer.work();
  }

  #nextAt(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { at } of this.#due.values()) next = Math.min(next, at);
    return next;
  }

  #dueAt(at: number): readonly VirtualTimer[] {
    return [...this.#due]
      .filter(([, due]) => due.at <= at)
      .sort(([, a], [, b]) => a.at - b.at || a.order - b.order)
      .map(([timer]) => timer);
  }

  #date(own: DateConstructor): DateConstructor {
    const now = () => this.#now;
    return new Proxy(own, {
      construct: (target, given, as) =>
        Reflect.construct(target, given.length === 0 ? [now()] : given, as) as Date,
      apply: (target) => new target(now()).toString(),
      get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
    });
  }

  #hrtime(own: typeof process.hrtime): typeof process.hrtime {
    const nanoseconds = () => BigInt(Math.round((this.#now - this.#began) * 1e6)) + base;
    const base = own.bigint();
    const tell = (before?: [number, number]): [number, number] => {
      const past = before === undefined ? 0n : BigInt(before[0]) * billion + BigInt(before[1]);
      const left = nanoseconds() - past;
      return [Number(left / billion), Number(left % billion)];
    };
    return Object.assign(tell, { bigint: nanoseconds });
  }
}

const billion = 1_000_000_000n;
