import { resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import type { MeterConnection } from "../framing/line.ts";
import type { Connection } from "../meters/meter.ts";

/** Speed and parity as given on the command line. */
export type SpeedOptions = {
  readonly baud?: string;
  readonly parity?: "none" | "even" | "odd";
};

/** A serial connection at the speed asked for; others have none. */
export function withSpeed<C extends MeterConnection>(
  connection: C,
  { baud, parity }: SpeedOptions,
): C {
  if (connection.kind !== "rtu") return connection;
  return {
    ...connection,
    ...(baud === undefined ? {} : { baud: Number(baud) }),
    ...(parity === undefined ? {} : { parity }),
  };
}

/**
 * Where a meter is, from the command line: `/dev/ttyUSB0`, `tcp://host:502`,
 * `rtu-over-tcp://host:4196`. Throws: `Failure` `usage.place`.
 */
export function placeOf(text: string): Connection {
  if (/^\.{0,2}\//.test(text)) return { kind: "rtu", path: resolve(text) };
  // A bare address is most likely a device on the network.
  if (/^(\d{1,3}(\.\d{1,3}){3}|[\w-]+(\.[\w-]+)+)(:\d{1,5})?$/.test(text)) {
    return placeOf(`tcp://${text}`);
  }
  const match = /^(tcp|rtu-over-tcp):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d{1,5}))?\/?$/.exec(text);
  const [, kind, host = "", port = "502"] = match ?? [];
  if ((kind !== "tcp" && kind !== "rtu-over-tcp") || Number(port) > 65_535) {
    const message = `expected /dev/…, tcp://host:port or rtu-over-tcp://host:port, got ${JSON.stringify(text)}`;
    throw new Failure("usage.place", message, { retry: "never" });
  }
  return { kind, host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** A meter's place: as `placeOf`, or a line with a pulse output, `gpio://gpiochip0/17`. */
export function meterPlaceOf(text: string): MeterConnection {
  if (!text.startsWith("gpio:")) return placeOf(text);
  const match = /^gpio:\/\/([A-Za-z0-9][\w.:-]*)\/(\d{1,4})$/.exec(text);
  const [, chip, offset] = match ?? [];
  if (chip === undefined) {
    const message = `expected gpio://CHIP/LINE like gpio://gpiochip0/17, got ${JSON.stringify(text)}`;
    throw new Failure("usage.place", message, { retry: "never" });
  }
  return { kind: "gpio", chip, offset: Number(offset), bias: "pull-up", activeLow: true };
}

/** A place as `meterPlaceOf` reads it. */
export function placeText(connection: MeterConnection): string {
  if (connection.kind === "gpio") return `gpio://${connection.chip}/${connection.offset}`;
  if (connection.kind === "rtu") return connection.path;
  return `${connection.kind}://${connection.host}:${connection.port}`;
}

/** Unit ids from `1`, `1,3,5` or `1-10`. Throws: `Failure` `usage.units`. */
export function unitsOf(text: string): number[] {
  const units = text.split(",").flatMap((part) => {
    const [, from, to] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(part.trim()) ?? [];
    const [first, last] = [Number(from), Number(to ?? from)];
    return Number.isNaN(first) || last < first
      ? [Number.NaN]
      : Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  if (units.some((unit) => !(unit >= 0 && unit <= 255))) {
    const message = `expected unit ids like 1, 1,3,5 or 1-10, got ${JSON.stringify(text)}`;
    throw new Failure("usage.units", message, { retry: "never" });
  }
  return [...new Set(units)];
}
