import { Failure } from "@busbar/protocol";
import { noCounts } from "../framing/bus-counters.ts";
import type { BusPool } from "../framing/bus-pool.ts";
import { busName, type Connection } from "../framing/line.ts";
import type { Profile } from "./profile.ts";
import { addSeen, type LineSeen, lineHints } from "./scan-hints.ts";
import { type ScanEffort, type Speed, speedsOf } from "./scan-speeds.ts";
import { type TelegramResult, type TelegramStep, telegramSteps } from "./scan-telegrams.ts";
import { askUnit, type UnitResult } from "./scan-unit.ts";
import { isTelegramProfile } from "./telegram-profiles.ts";

export type { ScanEffort } from "./scan-speeds.ts";
export type { Candidate } from "./scan-unit.ts";
export { serialPorts } from "./serial-ports.ts";

/** What answers at one place. */
export type ScanResult = UnitResult & {
  readonly connection: Connection;
  /** Of Modbus; 1, which is edge.yaml's default, for a meter of another protocol. */
  readonly unit: number;
  /** Of another protocol, as edge.yaml takes it. */
  readonly address?: string;
  /** Settings of the line at which a meter of another protocol spoke; undefined by TCP. */
  readonly settings?: string;
  /** The unit id under which the very same meter answered before: some answer to every id. */
  readonly sameAs?: number;
};

export type ScanProgress = {
  readonly connection: Connection;
  readonly unit: number;
  /** What is tried now, where that is no Modbus unit. */
  readonly what?: string;
  /** Places asked so far, of `total`; those left out because a bus has one speed count as asked. */
  readonly done: number;
  readonly total: number;
  /** The longest it can still take where nothing more answers, ms. */
  readonly leftMs: number;
};

/** A place that could not be scanned at all, such as a port in use. */
export type ScanFailure = { readonly connection: Connection; readonly failure: Failure };

/** How the scan of one bus went. */
export type ScannedBus = {
  /** As it was asked for. */
  readonly connection: Connection;
  readonly ms: number;
  /** The settings tried, the last one first to answer where something did. */
  readonly tried: readonly Connection[];
  readonly seen: LineSeen;
  /** What the line itself tells, as sentences. */
  readonly hints: readonly string[];
};

export type ScanReport = {
  readonly results: readonly ScanResult[];
  readonly failures: readonly ScanFailure[];
  readonly buses: readonly ScannedBus[];
};

export type ScanOptions = {
  readonly connections: readonly Connection[];
  /** Unit ids to ask; of a function, those for one connection. */
  readonly units: readonly number[] | ((connection: Connection) => readonly number[]);
  readonly profiles: readonly Profile[];
  readonly bus: BusPool;
  readonly effort?: ScanEffort | undefined;
  /**
   * Whether buses where no Modbus meter answered are listened to and asked by other protocols (SML,
   * P1, DL/T 645, M-Bus, IEC 62056-21). Default false.
   */
  readonly telegrams?: boolean | undefined;
  readonly onResult?: ((result: ScanResult) => void) | undefined;
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Asks every unit of every connection what it is: identification registers first, then the profiles
 * that fit all that the unit answers. Where several fit it says so rather than guess.
 *
 * Shape: an `rtu` connection without a baud rate is scanned at every rate that a profile ships with,
 * until something answers: a bus has one speed. Buses are scanned side by side. Results come as they
 * are found, and all of them at the end.
 */
export async function scan(options: ScanOptions): Promise<ScanReport> {
  const scans = options.connections.map((connection) => new BusScan(connection, options));
  const total = scans.reduce((sum, one) => sum + one.total, 0);
  const progress: Progress = (connection, unit, what) => {
    const done = scans.reduce((sum, { done }) => sum + done, 0);
    const leftMs = Math.max(...scans.map((each) => each.leftMs));
    const place = { connection, unit, ...(what === undefined ? {} : { what }) };
    options.onProgress?.({ ...place, done, total, leftMs });
  };
  // One bus at a time where two connections lead to the same.
  const byBus = Map.groupBy(scans, ({ connection }) => busName(connection)).values();
  await Promise.all(
    Array.from(byBus, async (sameBus) => {
      for (const one of sameBus) await one.run(progress);
    }),
  );
  return {
    results: scans.flatMap(({ results }) => results),
    failures: scans.flatMap(({ failures }) => failures),
    buses: scans.map((one) => one.told),
  };
}

/** The longest that a scan can take where nothing answers, ms. */
export function longestScanMs(options: ScanOptions): number {
  return Math.max(
    0,
    ...options.connections.map((connection) => new BusScan(connection, options).leftMs),
  );
}

type Progress = (connection: Connection, unit: number, what?: string) => void;

class BusScan {
  readonly connection: Connection;
  readonly total: number;
  readonly results: ScanResult[] = [];
  readonly failures: ScanFailure[] = [];
  done = 0;
  readonly #options: ScanOptions;
  readonly #speeds: readonly Speed[];
  readonly #units: readonly number[];
  readonly #steps: readonly TelegramStep[];
  #stepsDone = 0;
  readonly #tried: Connection[] = [];
  #seen: LineSeen = noCounts();
  #ms = 0;

  constructor(connection: Connection, options: ScanOptions) {
    this.connection = connection;
    this.#options = options;
    this.#speeds = speedsOf(connection, options.profiles, options.effort);
    this.#units = typeof options.units === "function" ? options.units(connection) : options.units;
    this.#steps = options.telegrams === true ? telegramSteps(connection, options) : [];
    this.total = this.#speeds.length * this.#units.length + this.#steps.length;
  }

  get leftMs(): number {
    const steps = this.#steps.slice(this.#stepsDone);
    const units = Math.max(0, this.total - this.done - steps.length);
    const stepsMs = steps.reduce((sum, { longestMs }) => sum + longestMs, 0);
    return units * this.#options.bus.silenceMs(this.connection) + stepsMs;
  }

  get told(): ScannedBus {
    const hints = lineHints(this.#seen, { serial: this.connection.kind === "rtu" });
    return {
      connection: this.connection,
      ms: Math.round(this.#ms),
      tried: this.#tried,
      seen: this.#seen,
      hints: this.#explained ? [] : hints,
    };
  }

  /** Whether it is known why Modbus met nothing, or nonsense. */
  get #explained(): boolean {
    const otherwise = this.results.some(({ candidates: [first] }) =>
      isTelegramProfile(first?.identity.profile ?? ""),
    );
    return otherwise || (this.failures.length > 0 && this.#seen.requests === 0);
  }

  async run(progress: Progress): Promise<void> {
    const { effort, bus, signal } = this.#options;
    const start = bus.timers.now();
    try {
      for (const speed of this.#speeds) {
        if (signal?.aborted || (this.results.length > 0 && effort !== "thorough")) break;
        await this.#atSpeed(speed, progress);
      }
      await this.#trySteps(progress);
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      this.failures.push({ connection: this.connection, failure });
    } finally {
      this.#ms = bus.timers.now() - start;
      const unit = this.#units.at(-1);
      const leftOut = this.done < this.total;
      this.done = this.total;
      this.#stepsDone = this.#steps.length;
      if (leftOut && unit !== undefined) progress(this.connection, unit);
    }
  }

  async #atSpeed({ connection, serial }: Speed, progress: Progress): Promise<void> {
    const { profiles, bus, onResult, signal } = this.#options;
    this.#tried.push(connection);
    // A share of its own, so that the port is opened once and its counts cover the whole speed.
    const lease = bus.acquire(connection, serial);
    try {
      for (const unit of this.#units) {
        if (signal?.aborted) return;
        const result = this.results.some((known) => known.unit === unit)
          ? undefined
          : await askUnit({ connection, serial, unit, profiles, bus });
        if (result !== undefined) {
          const whole = { connection, unit, ...result, ...this.#sameAs(result) };
          this.results.push(whole);
          onResult?.(whole);
        }
        this.done += 1;
        progress(connection, unit);
      }
    } finally {
      this.#seen = addSeen(this.#seen, lease.port.counters);
      await lease.release();
    }
  }

  /** Meters of other protocols; one that was found is enough, unless all are looked for. */
  async #trySteps(progress: Progress): Promise<void> {
    const { effort, onResult, signal } = this.#options;
    for (const step of this.#steps) {
      if (signal?.aborted || (this.results.length > 0 && effort !== "thorough")) return;
      progress(this.connection, 1, step.what);
      for (const found of await step.run(signal)) {
        const result = telegramScanResult(found);
        if (this.results.some((known) => isSameTelegram(known, result))) continue;
        this.results.push(result);
        onResult?.(result);
      }
      this.#stepsDone += 1;
      this.done = this.total - this.#steps.length + this.#stepsDone;
      progress(this.connection, 1, step.what);
    }
  }

  /** Devices on a network often answer to every unit id. */
  #sameAs({ candidates }: UnitResult): { readonly sameAs?: number } {
    const identity = candidates[0]?.identity;
    if (identity?.serialNumber === undefined || candidates.length !== 1) return {};
    const before = this.results.find(({ candidates: [known, ...others] }) => {
      const { profile, serialNumber } = known?.identity ?? {};
      const same = profile === identity.profile && serialNumber === identity.serialNumber;
      return same && others.length === 0;
    });
    return before === undefined ? {} : { sameAs: before.sameAs ?? before.unit };
  }
}

function telegramScanResult({ connection, settings, identities, address }: TelegramResult) {
  const result: ScanResult = {
    connection,
    unit: 1,
    status: identities.length === 1 ? "found" : "ambiguous",
    candidates: identities.map((identity) => ({ how: "identified", identity })),
    also: [],
    ...(address === undefined ? {} : { address }),
    ...(settings === undefined ? {} : { settings }),
  };
  return result;
}

/** Whether a meter answered in the same protocol before, at other settings. */
function isSameTelegram(known: ScanResult, { address, candidates }: ScanResult): boolean {
  const [mine, other] = [known.candidates[0]?.identity, candidates[0]?.identity];
  return (
    known.address === address &&
    mine?.profile === other?.profile &&
    mine?.serialNumber === other?.serialNumber
  );
}
