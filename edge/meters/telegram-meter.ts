import { Failure, type UtcMs } from "@busbar/protocol";
import type { BusPool } from "../framing/bus-pool.ts";
import { LinePort } from "../framing/iec62056-21/line-port.ts";
import { busName, type Connection, type SerialSettings } from "../framing/line.ts";
import { Dlt645Meter, dlt645Serial, dlt645Timing } from "./dlt645-meter.ts";
import { DsmrMeter, dsmrSerial, dsmrSerial22 } from "./dsmr-meter.ts";
import { MbusMeter, mbusSerial, mbusTiming } from "./mbus-meter.ts";
import type { Meter } from "./reading.ts";
import { SmlMeter, smlSerial } from "./sml-meter.ts";
import type { TelegramProfile } from "./telegram-profiles.ts";

/** Where a meter is and how it is read. */
export type TelegramMeterOptions = {
  readonly connection: Connection;
  /** As on the plate: DL/T 645, where left out the meter is asked for it; M-Bus. */
  readonly address?: string | undefined;
  /** The reading's time. */
  readonly clock: () => UtcMs;
  readonly bus: BusPool;
};

/**
 * A meter whose telegrams name their values themselves; over a network, both kinds of TCP carry the
 * same bytes. The line is opened by the first read.
 * Throws: `Failure` `meter.address`, `meter.bus-settings`.
 */
export function openTelegramMeter(profile: TelegramProfile, options: TelegramMeterOptions): Meter {
  return openers[profile](options);
}

const openers: Readonly<Record<TelegramProfile, (options: TelegramMeterOptions) => Meter>> = {
  "dlt645-2007": ({ connection, address, clock, bus }) => {
    const use = { protocol: "DL/T 645", serial: dlt645Serial, ...dlt645Timing };
    return new Dlt645Meter({ line: bus.requestLine(connection, use), clock, address });
  },
  mbus: ({ connection, address, clock, bus }) => {
    if (address === undefined) {
      const message = `${busName(connection)}: an M-Bus meter needs its address: 0 to 250, 254 for the only meter, or the eight digits of its plate`;
      throw new Failure("meter.address", message, { retry: "never" });
    }
    const use = { protocol: "M-Bus", serial: mbusSerial, ...mbusTiming };
    return new MbusMeter({ line: bus.requestLine(connection, use), clock, address });
  },
  sml: ({ connection, clock, bus }) => {
    const line = bus.ownLine(connection, smlSerial);
    return new SmlMeter({ name: busName(connection), line, timers: bus.timers, clock });
  },
  dsmr: (options) =>
    new DsmrMeter({ profile: "dsmr", port: p1Port(options, dsmrSerial), clock: options.clock }),
  dsmr22: (options) => {
    const port = p1Port(options, dsmrSerial22);
    return new DsmrMeter({ profile: "dsmr22", port, clock: options.clock, checksum: "optional" });
  },
};

function p1Port({ connection, bus }: TelegramMeterOptions, serial: SerialSettings): LinePort {
  const { timers, random } = bus;
  const line = bus.ownLine(connection, serial);
  return new LinePort({ name: busName(connection), line, timers, random });
}
