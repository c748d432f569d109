import { join } from "node:path";
import { Failure, type UtcMs, utcMs } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { MeterOptions } from "../config/meter-options.ts";
import type { MeterConfig } from "../config/schema.ts";
import type { BusPool } from "../framing/bus-pool.ts";
import type { MeterConnection } from "../framing/line.ts";
import { baseUnit } from "../meters/decode-value.ts";
import { type Meter, type MeterReading, openMeter } from "../meters/meter.ts";
import {
  findProfile,
  loadProfile,
  loadProfiles,
  type Profile,
  valuesOf,
} from "../meters/profile.ts";
import { openPulseMeter } from "../meters/pulse-meter.ts";
import { openTelegramMeter } from "../meters/telegram-meter.ts";
import { isTelegramProfile } from "../meters/telegram-profiles.ts";

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

/** Which meter is where. `profile`: an id or a file; `unit` for Modbus, `address` for others. */
export type MeterPlace = MeterOptions & {
  readonly profile: string;
  readonly connection: MeterConnection;
  readonly unit: number;
  readonly address?: string | undefined;
  /** Where pulses are counted; left out, the count starts at 0 and ends with the process. */
  readonly countFile?: string | undefined;
};

type Opened = { readonly meter: Meter; readonly registers: readonly RegisterInfo[] };

/** The configured meter. `data`: the unit's folder. Throws as `openPlace`. */
export function openSource(
  config: MeterConfig,
  { clock, bus, data }: { readonly clock: SiteClock; readonly bus: BusPool; readonly data: string },
): Source {
  const place = { ...config, countFile: countFileOf(data, config.id) };
  return new MeterSource(
    config,
    openPlace(place, () => utcMs(clock.now()), bus),
  );
}

/** Where a unit keeps the count of a meter's pulses. */
export const countFileOf = (data: string, meter: string): string =>
  join(data, "s0", `${meter}.count`);

/**
 * The meter at a place; which registers it has is known beforehand by a profile file only.
 * Throws: `Failure` `profile.*`, `meter.bus-settings`, `meter.address`, `meter.pulses`,
 * `meter.connection`, `ConfigError`.
 */
export function openPlace(place: MeterPlace, clock: () => UtcMs, bus: BusPool): Opened {
  const { connection, unit } = place;
  if (place.profile === "s0") {
    return { meter: openPulseMeter({ ...place, clock, timers: bus.timers }), registers: [] };
  }
  if (connection.kind === "gpio") {
    const message = `a GPIO line carries pulses, profile s0, not ${place.profile}`;
    throw new Failure("meter.connection", message, { retry: "never" });
  }
  if (isTelegramProfile(place.profile)) {
    const meter = openTelegramMeter(place.profile, { ...place, connection, clock, bus });
    return { meter, registers: [] };
  }
  const profile = profileOf(place.profile);
  const meter = openMeter({ profile, connection, unit, clock, bus });
  return { meter, registers: registersOf(profile) };
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

  constructor(config: MeterConfig, { meter, registers }: Opened) {
    this.config = config;
    this.registers = registers;
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
