import { utcMs } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { MeterConfig } from "../config/schema.ts";
import type { BusPool } from "../framing/bus-pool.ts";
import { baseUnit } from "../meters/decode-value.ts";
import { type Meter, type MeterReading, openMeter } from "../meters/meter.ts";
import {
  findProfile,
  loadProfile,
  loadProfiles,
  type Profile,
  valuesOf,
} from "../meters/profile.ts";

export type { MeterReading } from "../meters/meter.ts";

/** A register of a meter's profile, for the birth message. */
export type RegisterInfo = {
  readonly obis: string;
  readonly unit: string;
  readonly quantity: string;
};

/** A meter that is read again and again. */
export type Source = {
  readonly config: MeterConfig;
  /** Throws: `Failure` of the port or the meter; the next read tries again. */
  read(): Promise<MeterReading>;
  /** What the meter said its serial number is, once it has answered. */
  readonly serial: string | undefined;
  readonly registers: readonly RegisterInfo[];
  close(): Promise<void>;
};

/** The configured meter. Throws: `Failure` `profile.*`, `meter.bus-settings`, `ConfigError`. */
export function openSource(config: MeterConfig, clock: SiteClock, bus: BusPool): Source {
  const profile = profileOf(config.profile);
  const { connection, unit } = config;
  const meter = openMeter({ profile, connection, unit, clock: () => utcMs(clock.now()), bus });
  return new MeterSource(config, profile, meter);
}

/** The profile with an id, or in a file. Throws: `Failure` `profile.*`, `ConfigError`. */
export function profileOf(name: string): Profile {
  return name.includes("/") ? loadProfile(name) : findProfile(loadProfiles(), name);
}

class MeterSource implements Source {
  readonly config: MeterConfig;
  readonly registers: readonly RegisterInfo[];
  readonly #meter: Meter;
  #known = false;
  #serial: string | undefined;

  constructor(config: MeterConfig, profile: Profile, meter: Meter) {
    this.config = config;
    this.registers = registersOf(profile);
    this.#meter = meter;
  }

  get serial(): string | undefined {
    return this.#serial;
  }

  async read(): Promise<MeterReading> {
    try {
      if (!this.#known) {
        this.#serial = (await this.#meter.identify()).serialNumber;
        this.#known = true;
      }
      return await this.#meter.read();
    } catch (error) {
      // It may be another one now: an exchange taken for the same meter would bill what the old and
      // the new register differ by.
      this.#known = false;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#meter.close();
  }
}

/** The profile's rows with an OBIS code, each code once. */
function registersOf(profile: Profile): RegisterInfo[] {
  const byCode = new Map<string, RegisterInfo>();
  for (const { obis, unit, quantity } of valuesOf(profile)) {
    if (obis !== undefined && !byCode.has(obis)) {
      byCode.set(obis, { obis, unit: baseUnit(unit), quantity });
    }
  }
  return [...byCode.values()];
}
