import { Failure, type UtcMs } from "@busbar/protocol";
import { GpioMonitor } from "../framing/s0/gpio-monitor.ts";
import { type GpioLine, gpioName } from "../framing/s0/gpiomon-lines.ts";
import type { PulseCount } from "../framing/s0/pulse-count.ts";
import { PulseFilter, type PulseLimits } from "../framing/s0/pulse-filter.ts";
import type { Timers } from "../framing/timers.ts";
import type { Decimal } from "./decimal.ts";
import type { Meter, MeterIdentity, MeterReading, RegisterValue } from "./reading.ts";

/** Half of what IEC 62053-31 demands of meters (30 ms), for worn contacts. */
const limitsDefault: PulseLimits = { widthMsMin: 15, intervalMsMin: 45 };
/** What a power cut can take back of the count, in time. */
const syncMsDefault = 10_000;
/** Longer than gpiomon ever waits to be started anew, and takes to start. */
const startMsMax = 15_000;
/** After so long without a pulse nothing is said of the power. */
const powerMsMax = 15 * 60_000;

/** A meter with a pulse output (S0) on a GPIO line: its energy is the pulses that were counted. */
export class S0Meter implements Meter {
  readonly #name: string;
  readonly #pulsesPerKwh: number;
  readonly #direction: "import" | "export";
  readonly #initialWh: number;
  readonly #timers: Timers;
  readonly #clock: () => UtcMs;
  readonly #openCount: () => PulseCount;
  #store: PulseCount | undefined;
  readonly #filter: PulseFilter;
  readonly #monitor: GpioMonitor;
  readonly #syncMs: number;
  #cancelSync: (() => void) | undefined;
  #closed = false;
  /** The last pulse: its beginning on the kernel's clock and when it was told on ours. */
  #last:
    | { readonly us: number; readonly toldMs: number; readonly gapUs: number | undefined }
    | undefined;

  constructor(options: {
    readonly line: GpioLine;
    /** The meter's constant, from its plate: a whole number above 0. */
    readonly pulsesPerKwh: number;
    /** Opens what keeps the count, when counting begins. Throws: `Failure` `meter.counter-*`. */
    readonly openCount: () => PulseCount;
    /** What the meter showed when the count was 0. Default 0. */
    readonly initialWh?: number | undefined;
    /** Default import. */
    readonly direction?: "import" | "export" | undefined;
    readonly limits?: PulseLimits | undefined;
    /** gpiomon, by name or path. */
    readonly program?: string | undefined;
    readonly syncMs?: number | undefined;
    readonly timers: Timers;
    /** The reading's time. */
    readonly clock: () => UtcMs;
    /** 0 ≤ x < 1. */
    readonly random?: (() => number) | undefined;
  }) {
    const { line, pulsesPerKwh, timers, limits = limitsDefault } = options;
    this.#name = gpioName(line);
    this.#pulsesPerKwh = pulsesPerKwh;
    this.#direction = options.direction ?? "import";
    this.#initialWh = options.initialWh ?? 0;
    this.#timers = timers;
    this.#clock = options.clock;
    this.#syncMs = options.syncMs ?? syncMsDefault;
    this.#openCount = options.openCount;
    this.#filter = new PulseFilter(limits);
    this.#monitor = new GpioMonitor({
      line,
      program: options.program ?? "gpiomon",
      timers,
      random: options.random ?? Math.random,
      onStart: () => {
        this.#filter.restart();
        // What passed unseen makes an interval across it meaningless.
        this.#last = undefined;
      },
      onEdge: (edge) => {
        const began = this.#filter.push(edge);
        if (began !== undefined) this.#take(began);
      },
    });
  }

  /**
   * Begins to count; the first question does too. A meter that is only configured counts nothing.
   * Throws: `Failure` `meter.counter-*`, `meter.bus-closed`.
   */
  start(): void {
    this.#started();
  }

  /** What was counted and what was not. */
  get counters(): {
    readonly pulses: number;
    readonly tooSoon: number;
    readonly missedEdges: number;
    readonly malformedLines: number;
    readonly starts: number;
  } {
    return {
      pulses: this.#store?.count ?? 0,
      ...this.#filter.counters,
      ...this.#monitor.counters,
    };
  }

  /** A pulse output does not say whose it is. */
  async identify(): Promise<MeterIdentity> {
    this.#started();
    await this.#monitor.running(startMsMax);
    return { profile: "s0" };
  }

  /**
   * The count, after it is on the disk: a reading that was given out is never taken back.
   * Throws: `Failure` `meter.gpio-lost`, `meter.gpio-tool`, `meter.counter-*`.
   */
  async read(): Promise<MeterReading> {
    const store = this.#started();
    await this.#monitor.running(startMsMax);
    const time = this.#clock();
    const power = this.#power();
    const count = await store.sync();
    const { code, sign } =
      this.#direction === "import" ? { code: 1, sign: 1 } : { code: 2, sign: -1 };
    const energy: RegisterValue = {
      obis: `1-0:${code}.8.0`,
      quantity: `energy.${this.#direction}.total`,
      unit: "Wh",
      ...energyOf(count, this.#pulsesPerKwh, this.#initialWh),
      raw: [count],
    };
    if (power === undefined) return { time, values: [energy], unknown: ["power.total"] };
    const mantissa = power === 0 ? 0 : sign * power;
    const watts = { quantity: "power.total", unit: "W", mantissa, exponent: 0, raw: [] };
    return { time, values: [energy, { obis: "1-0:16.7.0", ...watts }], unknown: [] };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelSync?.();
    await this.#monitor.stop();
    await this.#store?.close();
  }

  #started(): PulseCount {
    if (this.#closed) {
      throw new Failure("meter.bus-closed", `${this.#name}: was closed`, { retry: "never" });
    }
    if (this.#store !== undefined) return this.#store;
    this.#store = this.#openCount();
    this.#monitor.start();
    return this.#store;
  }

  #take(us: number): void {
    const store = this.#store;
    if (store === undefined) return;
    const gapUs = this.#last === undefined ? undefined : us - this.#last.us;
    this.#last = { us, toldMs: this.#timers.now(), gapUs };
    store.add();
    this.#cancelSync ??= this.#timers.after(this.#syncMs, () => {
      this.#cancelSync = undefined;
      // The next reading says what is wrong with the disk.
      void store.sync().catch(() => undefined);
    });
  }

  /**
   * Watts between the last two pulses, or what there can be at most when a third is overdue. Undefined
   * before two pulses came, and after a long silence: unknown is not 0.
   */
  #power(): number | undefined {
    if (this.#last?.gapUs === undefined) return undefined;
    const silentMs = this.#timers.now() - this.#last.toldMs;
    if (silentMs > powerMsMax) return undefined;
    const us = Math.max(this.#last.gapUs, silentMs * 1000);
    return Math.round(3.6e12 / (this.#pulsesPerKwh * us));
  }
}

/**
 * Wh of a count, with as many decimals as one pulse needs, three at most; what does not come out even
 * is rounded down to mWh, each time from the whole count.
 */
export function energyOf(count: number, pulsesPerKwh: number, initialWh: number): Decimal {
  let places = 0;
  while (places < 3 && (1000 * 10 ** places) % pulsesPerKwh !== 0) places += 1;
  const scale = 10n ** BigInt(places);
  const counted = (BigInt(count) * 1000n * scale) / BigInt(pulsesPerKwh);
  return {
    mantissa: Number(counted + BigInt(initialWh) * scale),
    exponent: places === 0 ? 0 : -places,
  };
}
