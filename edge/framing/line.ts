import { type GpioConnection, gpioName } from "./s0/gpiomon-lines.ts";

/** Where a meter's bus is. `path` of a serial port is best taken from /dev/serial/by-id. */
export type Connection =
  | {
      readonly kind: "rtu";
      readonly path: string;
      /** Default: the profile's factory setting. */
      readonly baud?: number | undefined;
      readonly parity?: "none" | "even" | "odd" | undefined;
    }
  | { readonly kind: "rtu-over-tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** How a meter is reached. */
export type MeterConnection = Connection | GpioConnection;

/** Settings of a serial line. */
export type SerialSettings = {
  readonly baud: number;
  readonly parity: "none" | "even" | "odd";
  readonly stopBits: 1 | 2;
  /** Default 8. */
  readonly dataBits?: 7 | 8;
};

/** What a line tells its owner. */
export type LineEvents = {
  readonly data: (bytes: Uint8Array) => void;
  /** The line went away by itself: unplugged, reset by the peer. */
  readonly lost: (cause: unknown) => void;
};

/** A way for bytes, without any idea of frames: a serial port, a socket, or a test's stand-in. */
export interface Line {
  /** Throws: `Failure` `meter.port-missing`, `-denied`, `-busy` or `meter.unreachable`. */
  open(events: LineEvents): Promise<void>;
  write(bytes: Uint8Array): void;
  /**
   * Changes the speed once all that was written is out. Absent where there is none to change: a
   * network. Throws: `Failure` `meter.port-lost`.
   */
  setBaud?(baud: number): Promise<void>;
  close(): Promise<void>;
}

/** The bus of a connection, in words: "/dev/ttyUSB0", "10.0.0.7:502", "gpiochip0:17". Also its key. */
export function busName(connection: MeterConnection): string {
  if (connection.kind === "gpio") return gpioName(connection);
  return connection.kind === "rtu" ? connection.path : `${connection.host}:${connection.port}`;
}

/** Settings of a serial line in words: "9600 8N1". */
export function settingsText(settings: {
  readonly baud?: number | undefined;
  readonly parity?: SerialSettings["parity"] | undefined;
  readonly stopBits?: 1 | 2;
  readonly dataBits?: 7 | 8;
}): string {
  const { baud, parity = "none", stopBits = 1, dataBits = 8 } = settings;
  return `${baud ?? "?"} ${dataBits}${parity.charAt(0).toUpperCase()}${stopBits}`;
}

/** One frame on the wire, for people who look for a fault. */
export type Trace = (event: {
  readonly bus: string;
  readonly direction: "sent" | "received";
  readonly bytes: Uint8Array;
}) => void;
