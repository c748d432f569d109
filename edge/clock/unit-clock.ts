import { clockSource, type UtcMs, utcMs } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { Evidence } from "./evidence.ts";
import type { Machine } from "./machine.ts";

/** What the recorder must know of time besides what it is. */
export type Timekeeping = {
  /** Whether the time may be signed. */
  readonly known: boolean;
  /** Clock byte of the wire for a reading of now. */
  readonly byte: number;
  /** Changes when the clock is set: a time that was taken under another mark is not of now's clock. */
  readonly mark: number;
  readonly boot: string;
  /** A time that was taken under a mark, as now's clock has it. */
  restate(time: number, mark: number): number;
  /** The same time in ms since the machine started, and back. */
  toMonotonic(time: number): number;
  ofMonotonic(ms: number): number;
};

/** What `edge.yaml` says of the system's clock. */
export type ClockTrust = {
  /** `ntp`: known once a time service, or a clock with a battery, vouches for it; `system`: always. */
  readonly trust: "ntp" | "system";
  /** Beyond this error the time counts as informative only. */
  readonly boundMs: number;
};

export type UnitClockOptions = ClockTrust & {
  readonly machine: Machine;
  readonly onChange?: (change: ClockChange) => void;
};

/** What became of the clock, for the log. */
export type ClockChange = {
  readonly what: "known" | "stepped" | "step-refused";
  readonly byMs: number;
  readonly by: string;
};

/** A wall clock that is off the monotonic one by more was set; by less it was slewed, or adjusted. */
const stepMsMax = 2_000;
/** Without a time service nothing is believed that is so far beyond what the unit knew last. */
const aheadMsMax = 400 * 86_400_000;
/** No unit ran before, and none of this program will long after: a clock chip whose battery is empty
 * begins in 1970 or 2000, or somewhere far ahead, and a unit that starts for the first time knows
 * nothing else to tell it by. */
const programYears = { from: Date.UTC(2026, 0, 1), until: Date.UTC(2056, 0, 1) } as const;
/** The battery's clock and the system's agree when the one was set by the other. */
const batteryMsMax = 60_000;
/** How often the system is asked, monotonic ms: while its clock is in doubt, and else. */
const [doubtMs, sureMs] = [30_000, 600_000];

/**
 * The unit's time: the monotonic clock plus an offset. The offset follows small changes of the system
 * clock; a step is followed when a time service vouches for it, else the unit goes on by the
 * monotonic clock. Until the clock is known the offset stands still, so that times taken meanwhile
 * say exactly how far they are apart, and can be set right later.
 */
export class UnitClock implements TimeOfUnit {
  readonly speed = 1;
  readonly boot: string;
  readonly #options: UnitClockOptions;
  /** One for each mark, the last in force. */
  readonly #offsets: number[];
  #known = false;
  /** Whether a time service has vouched for the offset, or for one it followed from. */
  #confirmed = false;
  #stepped = false;
  #evidence: Evidence = { synchronised: undefined, by: "not asked yet" };
  #hasBattery = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  #floor = 0;

  constructor(options: UnitClockOptions) {
    this.#options = options;
    this.boot = options.machine.boot;
    this.#offsets = [this.#systemOffset()];
  }

  /** Asks the system for the first time. No true time is before `floor`, the newest that the unit
   * has on its disk. */
  async begin(floor: number): Promise<void> {
    this.#floor = floor;
    await this.look();
  }

  now(): UtcMs {
    this.#follow();
    return utcMs(Math.max(0, Math.round(this.ofMonotonic(this.#options.machine.monotonic()))));
  }

  delay(siteMs: number): number {
    return Math.ceil(siteMs);
  }

  get known(): boolean {
    return this.#known;
  }

  get mark(): number {
    return this.#offsets.length - 1;
  }

  get byte(): number {
    const { synchronised, boundMs = 0 } = this.#evidence;
    if (this.#stepped) return clockSource.monotonicOnly;
    if (synchronised === true) {
      return boundMs <= this.#options.boundMs ? clockSource.ntp : clockSource.informative;
    }
    if (synchronised === undefined || this.#hasBattery) return clockSource.informative;
    return this.#confirmed ? clockSource.monotonicOnly : clockSource.unsynchronised;
  }

  /** Who vouches for the clock, for people. */
  get by(): string {
    return this.#evidence.by;
  }

  restate(time: number, mark: number): number {
    return time + this.#offset - (this.#offsets[mark] ?? this.#offset);
  }

  toMonotonic(time: number): number {
    return time - this.#offset;
  }

  ofMonotonic(ms: number): number {
    return ms + this.#offset;
  }

  /** Asks the system what its clock is worth, and acts on it. */
  look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  get #offset(): number {
    return this.#offsets.at(-1) ?? 0;
  }

  async #lookOnce(): Promise<void> {
    const { machine } = this.#options;
    this.#lookedAt = machine.monotonic();
    this.#evidence = await machine.look();
    const battery = machine.batteryClock() ?? Number.NaN;
    this.#hasBattery = Math.abs(battery - machine.wall()) <= batteryMsMax;
    this.#lookedAt = machine.monotonic();
    this.#judge();
  }

  #judge(): void {
    const { onChange } = this.#options;
    const { synchronised, by } = this.#evidence;
    const target = this.#systemOffset();
    const byMs = Math.round(target - this.#offset);
    const vouched = synchronised === true;
    if (!this.#known) {
      if (!vouched && !this.#isPlausible()) return;
      this.#known = true;
      this.#offsets.push(target);
      onChange?.({ what: "known", byMs, by });
    } else if (Math.abs(byMs) <= stepMsMax) {
      this.#stepped = false;
    } else if (vouched) {
      this.#stepped = false;
      this.#offsets.push(target);
      onChange?.({ what: "stepped", byMs, by });
    } else if (!this.#stepped) {
      this.#stepped = true;
      onChange?.({ what: "step-refused", byMs, by });
    }
    this.#confirmed ||= vouched;
  }

  /** Whether the system's clock may be right though no time service vouches for it. */
  #isPlausible(): boolean {
    const { machine, trust } = this.#options;
    const wall = machine.wall();
    const isAhead = this.#floor > 0 && wall > this.#floor + aheadMsMax;
    if (wall < this.#floor || isAhead) return false;
    if (wall < programYears.from || wall >= programYears.until) return false;
    return trust === "system" || this.#evidence.synchronised === undefined || this.#hasBattery;
  }

  #follow(): void {
    const { machine } = this.#options;
    const target = this.#systemOffset();
    const inStep = this.#known && Math.abs(target - this.#offset) <= stepMsMax;
    if (inStep) this.#offsets[this.mark] = target;
    const due = inStep && !this.#stepped && this.byte !== clockSource.unsynchronised;
    const pause = due ? sureMs : doubtMs;
    if (machine.monotonic() - this.#lookedAt >= pause) void this.look();
  }

  #systemOffset(): number {
    const { machine } = this.#options;
    return machine.wall() - machine.monotonic();
  }
}

/** A unit's clock, real or simulated. */
export type TimeOfUnit = SiteClock &
  Timekeeping & {
    /** Who vouches for it, for people. */
    readonly by: string;
    begin(floor: number): Promise<void>;
  };

/** The time of a virtual site, which nobody doubts. */
export function simulatedTime(clock: SiteClock): TimeOfUnit {
  return {
    by: "the virtual site",
    begin: async () => {},
    speed: clock.speed,
    now: () => clock.now(),
    delay: (siteMs) => clock.delay(siteMs),
    known: true,
    byte: clockSource.informative,
    mark: 0,
    boot: "simulated",
    restate: (time) => time,
    toMonotonic: (time) => time,
    ofMonotonic: (ms) => ms,
  };
}
