import { join } from "node:path";
import { Failure, type UtcMs, utcMs } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { MeterOptions } from "../config/meter-options.ts";
import type { MeterConfig } from "../config/schema.ts";
import type { BusPool } from "../framing/bus-pool.ts";
import type { MeterConnection } from "../framing/line.ts";
import { baseUnit } from "../meters/decode-value.ts";
import type { LearnedStore } from "../meters/learned-file.ts";
import { type Meter, type MeterReading, openMeter } from "../meters/meter.ts";
import type { Profile } from "../meters/profile.ts";
import { valuesOf } from "../meters/profile-values.ts";
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
  /** Throws: `Failure` of the port or the meter, `meter.other-serial`; the next read tries again. */
  read(): Promise<MeterReading>;
  /** It is asked who it is before the next reading: what it showed is hard to believe. */
  doubt(): void;
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
  readonly learned?: LearnedStore | undefined;
};

type Opened = { readonly meter: Meter; readonly registers: readonly RegisterInfo[] };

/** What opening a meter takes. `profileOf`: the profile of a name in the configuration. */
export type Surroundings<Clock> = {
  readonly clock: Clock;
  readonly bus: BusPool;
  readonly profileOf: (name: string) => Profile;
};

/** The configured meter. `data`: the unit's folder. Throws as `openPlace`. */
export async function openSource(
  config: MeterConfig,
  {
    clock,
    data,
    learned,
    ...rest
  }: Surroundings<SiteClock> & { readonly data: string; readonly learned?: LearnedStore },
): Promise<Source> {
  const place = { ...config, countFile: countFileOf(data, config.id), learned };
  const opened = await openPlace(place, { ...rest, clock: () => utcMs(clock.now()) });
  return new MeterSource(config, opened);
}

/** Where a unit keeps the count of a meter's pulses. */
export const countFileOf = (data: string, meter: string): string =>
  join(data, "s0", `${meter}.count`);

/**
 * The meter at a place; which registers it has is known beforehand by a profile file only. Only the
 * drivers that are used are loaded.
 * Throws: `Failure` `meter.bus-settings`, `meter.address`, `meter.pulses`, `meter.connection`, and
 * what `profileOf` throws.
 */
export async function openPlace(
  place: MeterPlace,
  { clock, bus, profileOf }: Surroundings<() => UtcMs>,
): Promise<Opened> {
  const { connection, unit } = place;
  if (place.profile === "s0") {
    const { openPulseMeter } = await import("../meters/pulse-meter.ts");
    return { meter: openPulseMeter({ ...place, clock, timers: bus.timers }), registers: [] };
  }
  if (connection.kind === "gpio") {
    const message = `a GPIO line carries pulses, profile s0, not ${place.profile}`;
    throw new Failure("meter.connection", message, { retry: "never" });
  }
  if (isTelegramProfile(place.profile)) {
    const { openTelegramMeter } = await import("../meters/telegram-meter.ts");
    const meter = openTelegramMeter(place.profile, { ...place, connection, clock, bus });
    return { meter, registers: [] };
  }
  const profile = profileOf(place.profile);
  const { learned } = place;
  const meter = openMeter({ profile, connection, unit, clock, bus, learned });
  return { meter, registers: registersOf(profile) };
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

  doubt(): void {
    this.#known = false;
  }

  async read(): Promise<MeterReading> {
    try {
      if (!this.#known) {
        this.#serial = (await this.#meter.identify()).serialNumber;
        checkSerial(this.config, this.#serial);
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

/** Refuses what another meter shows than the one that this place was bound to. */
function checkSerial({ id, serial }: MeterConfig, said: string | undefined): void {
  if (serial === undefined || said === serial) return;
  const who = said === undefined ? "one that says none" : `number ${said}`;
  const message = `${id}: expected the meter with serial number ${serial}, and ${who} answers: nothing of it is recorded`;
  throw new Failure("meter.other-serial", message, { retry: "later" });
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
