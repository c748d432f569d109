import { Failure } from "@busbar/protocol";
import type { BusCounters } from "./bus-counters.ts";
import { freshLine } from "./fresh-line.ts";
import { LinePort } from "./iec62056-21/line-port.ts";
import {
  busName,
  type Connection,
  type Line,
  type SerialSettings,
  settingsText,
  type Trace,
} from "./line.ts";
import { GuardedPort } from "./modbus/guarded-port.ts";
import { RequestLine } from "./request-line.ts";
import { SerialLine } from "./serial-line.ts";
import { TcpLine } from "./tcp-line.ts";
import { processTimers, type Timers } from "./timers.ts";
import { tracedLine } from "./traced-line.ts";

/** A meter's share in a bus. `release` closes the bus when no other meter uses it. */
export type BusLease = { readonly port: GuardedPort; release(): Promise<void> };

type Shared = {
  readonly port: GuardedPort;
  readonly settings: string;
  users: number;
};

/** How meters of one protocol use a line; times as in `RequestLineOptions`. */
export type LineUse = {
  readonly protocol: string;
  /** The meters' factory setting. */
  readonly serial: SerialSettings;
  readonly idleMs: number;
  readonly totalMs: number;
};

type SharedPort = { readonly port: LinePort; readonly settings: string };
type SharedLine = { readonly line: RequestLine; readonly settings: string };

/** The buses of this unit: meters on one connection share one port, and so one queue. */
export class BusPool {
  readonly timers: Timers;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly #buses = new Map<string, Shared>();
  readonly #lines = new Map<string, SharedLine>();
  readonly #ports = new Map<string, SharedPort>();
  readonly #openLine: (connection: Connection, serial: SerialSettings) => Line;
  readonly #replyMs: number | undefined;
  readonly #trace: Trace | undefined;

  constructor(
    options: {
      readonly timers?: Timers;
      readonly random?: () => number;
      readonly openLine?: (connection: Connection, serial: SerialSettings) => Line;
      /** How long to wait for an answer, beyond its time on the wire. Default 500, by TCP 2000. */
      readonly replyMs?: number;
      readonly trace?: Trace;
    } = {},
  ) {
    this.timers = options.timers ?? processTimers;
    this.random = options.random ?? Math.random;
    this.#openLine = options.openLine ?? lineOf;
    this.#replyMs = options.replyMs;
    this.#trace = options.trace;
  }

  /**
   * The bus of a connection, opened at its first read.
   * Throws: `Failure` `meter.bus-settings` when another meter uses the same port in another way.
   */
  acquire(connection: Connection, defaults: SerialSettings): BusLease {
    const name = busName(connection);
    const serial = settingsOf(connection, defaults);
    const settings = connection.kind === "rtu" ? settingsText(serial) : connection.kind;
    this.#checkSettings(name, settings);
    const shared = this.#buses.get(name) ?? this.#create(connection, serial, settings);
    shared.users += 1;
    let released = false;
    const release = async () => {
      if (released) return;
      released = true;
      shared.users -= 1;
      if (shared.users > 0) return;
      this.#buses.delete(name);
      await shared.port.close();
    };
    return { port: shared.port, release };
  }

  /**
   * The line of a connection for meters that are not asked by Modbus, opened at its first question.
   * Throws: `Failure` `meter.bus-settings` when another meter uses the same port in another way.
   */
  requestLine(connection: Connection, { protocol, serial, ...timing }: LineUse): RequestLine {
    const name = busName(connection);
    const asked = settingsOf(connection, serial);
    const wire = connection.kind === "rtu" ? settingsText(asked) : "TCP";
    const settings = `${protocol} ${wire}`;
    this.#checkSettings(name, settings);
    const shared = this.#lines.get(name);
    if (shared !== undefined && !shared.line.closed) return shared.line;
    const { timers, random } = this;
    const trace = this.#trace;
    const opened = this.#openLine(connection, asked);
    const line = new RequestLine({ name, line: opened, timers, random, ...timing, trace });
    this.#lines.set(name, { line, settings });
    return line;
  }

  /** A line for one meter that talks unasked, and what it says now. */
  pushedLine(connection: Connection, defaults: SerialSettings): Line {
    return freshLine(this.ownLine(connection, defaults), () => this.timers.now());
  }

  /** A line for one listener, who hears all that comes. */
  ownLine(connection: Connection, defaults: SerialSettings): Line {
    const line = this.#openLine(connection, settingsOf(connection, defaults));
    return this.#trace === undefined ? line : tracedLine(busName(connection), line, this.#trace);
  }

  /**
   * The port of a connection for meters that send text, opened when it is first needed; the last of
   * its meters closes it.
   * Throws: `Failure` `meter.bus-settings` when another meter uses the same port in another way.
   */
  linePort(
    connection: Connection,
    {
      protocol,
      serial,
      pushed = false,
    }: Pick<LineUse, "protocol" | "serial"> & {
      /** Its meters talk unasked. */
      readonly pushed?: boolean;
    },
  ): LinePort {
    const name = busName(connection);
    const wire =
      connection.kind === "rtu" ? settingsText(settingsOf(connection, serial)) : connection.kind;
    const settings = `${protocol} ${wire}`;
    this.#checkSettings(name, settings);
    const shared = this.#ports.get(name);
    if (shared !== undefined && !shared.port.ended) return shared.port;
    const { timers, random } = this;
    const line = pushed ? this.pushedLine(connection, serial) : this.ownLine(connection, serial);
    const port = new LinePort({ name, line, timers, random });
    this.#ports.set(name, { port, settings });
    return port;
  }

  /** How long a unit that is not there is waited for, ms. */
  silenceMs(connection: Connection): number {
    return this.#replyMs ?? (connection.kind === "rtu" ? 500 : 2000);
  }

  /** What happened on each open bus, by name. */
  counters(): ReadonlyMap<string, Readonly<BusCounters>> {
    return new Map([...this.#buses].map(([name, { port }]) => [name, { ...port.counters }]));
  }

  #checkSettings(name: string, settings: string): void {
    const shared = this.#lines.get(name);
    const port = this.#ports.get(name);
    const open =
      (shared?.line.closed === false ? shared.settings : undefined) ??
      (port?.port.ended === false ? port.settings : undefined) ??
      this.#buses.get(name)?.settings;
    if (open === undefined || open === settings) return;
    const message = `${name} is open as ${open}, not as ${settings}; meters on one bus need the same settings`;
    throw new Failure("meter.bus-settings", message, { retry: "never" });
  }

  #create(connection: Connection, serial: SerialSettings, settings: string): Shared {
    const port = new GuardedPort({
      name: busName(connection),
      line: this.#openLine(connection, serial),
      framing: connection.kind === "tcp" ? "tcp" : "rtu",
      baud: connection.kind === "rtu" ? serial.baud : undefined,
      timers: this.timers,
      random: this.random,
      replyMs: this.silenceMs(connection),
      trace: this.#trace,
    });
    const shared = { port, settings, users: 0 };
    this.#buses.set(port.name, shared);
    return shared;
  }
}

function settingsOf(connection: Connection, defaults: SerialSettings): SerialSettings {
  if (connection.kind !== "rtu") return defaults;
  const { baud = defaults.baud, parity = defaults.parity } = connection;
  return { baud, parity, stopBits: defaults.stopBits };
}

function lineOf(connection: Connection, serial: SerialSettings): Line {
  return connection.kind === "rtu"
    ? new SerialLine(connection.path, serial)
    : new TcpLine(connection.host, connection.port);
}
