import { Failure, type UtcMs } from "@busbar/protocol";
import type { BusPool } from "../framing/bus-pool.ts";
import { busName, type Connection } from "../framing/line.ts";
import { Dlt645Meter, dlt645Serial, dlt645Timing } from "./dlt645-meter.ts";
import { DsmrMeter, dsmrSerial, dsmrSerial22 } from "./dsmr-meter.ts";
import { Iec62056Meter, Iec62056PushMeter, iecPushSerial, iecSerial } from "./iec62056-21-meter.ts";
import { MbusMeter, mbusSerial, mbusTiming } from "./mbus-meter.ts";
import type { Meter } from "./reading.ts";
import { SmlMeter, smlSerial } from "./sml-meter.ts";
import type { TelegramProfile } from "./telegram-profiles.ts";

/** What IEC 62056-21 meters may need to be told; left out, it is found out or as the standard says. */
export type ReadoutOptions = {
  readonly mode?: "A" | "B" | "C" | undefined;
  readonly startBaud?: number | undefined;
  readonly baudMax?: number | undefined;
  readonly parityBy?: "unit" | "line" | undefined;
  readonly energyUnit?: "Wh" | "kWh" | undefined;
};

/** Where a meter is and how it is read. */
export type TelegramMeterOptions = ReadoutOptions & {
  readonly connection: Connection;
  /** As on the plate: DL/T 645, IEC 62056-21, where left out whichever meter is there; M-Bus. */
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
    const line = bus.pushedLine(connection, smlSerial);
    return new SmlMeter({ name: busName(connection), line, timers: bus.timers, clock });
  },
  dsmr: ({ connection, clock, bus }) => {
    const port = bus.linePort(connection, { protocol: "P1", serial: dsmrSerial, pushed: true });
    return new DsmrMeter({ profile: "dsmr", port, clock });
  },
  dsmr22: ({ connection, clock, bus }) => {
    const port = bus.linePort(connection, { protocol: "P1", serial: dsmrSerial22, pushed: true });
    return new DsmrMeter({ profile: "dsmr22", port, clock, checksum: "optional" });
  },
  "iec62056-21": (options) => {
    const { connection, clock, bus, address, mode, baudMax, parityBy, energyUnit } = options;
    const own = connection.kind === "rtu" ? connection.baud : undefined;
    const startBaud = options.startBaud ?? own ?? iecSerial.baud;
    const serial = { ...iecSerial, baud: startBaud };
    return new Iec62056Meter({
      profile: "iec62056-21",
      port: bus.linePort(eightBits(connection), { protocol: "IEC 62056-21", serial }),
      clock,
      startBaud,
      ...(address === undefined ? {} : { address }),
      ...(mode === undefined ? {} : { mode }),
      ...(baudMax === undefined ? {} : { baudMax }),
      ...(parityBy === undefined ? {} : { parityBy }),
      ...(energyUnit === undefined ? {} : { energyUnit }),
    });
  },
  "iec62056-21-push": ({ connection, clock, bus, energyUnit }) =>
    new Iec62056PushMeter({
      profile: "iec62056-21-push",
      port: bus.linePort(eightBits(connection), {
        protocol: "IEC 62056-21",
        serial: iecPushSerial,
        pushed: true,
      }),
      clock,
      ...(energyUnit === undefined ? {} : { energyUnit }),
    }),
};

/** 7E1 is made and checked by the driver, on a line of eight bits without parity. */
function eightBits(connection: Connection): Connection {
  if (connection.kind !== "rtu") return connection;
  const { kind, path, baud } = connection;
  return { kind, path, baud };
}
