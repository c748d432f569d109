import type { UtcMs } from "@busbar/protocol";
import type { BusPool } from "../framing/bus-pool.ts";
import type { Connection } from "../framing/line.ts";
import type { LearnedStore } from "./learned-file.ts";
import { ModbusMeter } from "./modbus-meter.ts";
import type { Profile } from "./profile.ts";
import { usualSerial } from "./profile-values.ts";
import type { Meter } from "./reading.ts";
import { SunspecMeter } from "./sunspec-meter.ts";

export type { Connection } from "../framing/line.ts";
export type { Meter, MeterIdentity, MeterReading, RegisterValue } from "./reading.ts";

/**
 * A meter of a known profile at a place. The bus is opened by the first read.
 * Throws: `Failure` `meter.bus-settings` when other meters use the port at another speed.
 */
export function openMeter(options: {
  readonly profile: Profile;
  readonly connection: Connection;
  /** Modbus unit id, 1 … 247; behind TCP also 0 and 255. */
  readonly unit: number;
  /** The reading's time. */
  readonly clock: () => UtcMs;
  readonly bus: BusPool;
  /** Where what is found out of the meter is kept; left out, with the object. */
  readonly learned?: LearnedStore | undefined;
}): Meter {
  const { profile, connection, unit, clock, bus, learned } = options;
  const lease = bus.acquire(connection, profile.serial ?? usualSerial);
  return profile.protocol === "modbus"
    ? new ModbusMeter({ profile, lease, unit, clock, learned })
    : new SunspecMeter({ profile, lease, unit, clock, learned });
}
