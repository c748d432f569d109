import { existsSync } from "node:fs";
import { Failure, utcMs } from "@busbar/protocol";
import { SerialPort } from "serialport";
import type { BusPool } from "../framing/bus-pool.ts";
import type { GuardedPort } from "../framing/guarded-port.ts";
import { busName, type Connection } from "../framing/line.ts";
import { ModbusMeter } from "./modbus-meter.ts";
import { isPlausible } from "./plausible.ts";
import type { ModbusProfile, Profile, SunspecProfile } from "./profile.ts";
import type { MeterIdentity } from "./reading.ts";
import { SunspecMeter } from "./sunspec-meter.ts";

/** A profile that fits: the meter named itself, or answered everything plausibly. */
export type Candidate = {
  readonly how: "identified" | "probed";
  readonly identity: MeterIdentity;
};

/** What answers at one place. `unknown`: something does, and no profile fits it. */
export type ScanResult = {
  readonly connection: Connection;
  readonly unit: number;
  readonly status: "found" | "ambiguous" | "unknown";
  readonly candidates: readonly Candidate[];
};

export type ScanProgress = {
  readonly connection: Connection;
  readonly unit: number;
  /** Places asked so far, of `total`. */
  readonly done: number;
  readonly total: number;
};

/** A place that could not be scanned at all, such as a port in use. */
export type ScanFailure = { readonly connection: Connection; readonly failure: Failure };

/**
 * Asks every unit of every connection what it is: identification registers first, then the profiles
 * that fit all that the unit answers. Where several fit it says so rather than guess.
 *
 * Shape: an `rtu` connection without a baud rate is scanned at every rate that a profile ships with.
 * Results come as they are found, and all of them at the end.
 */
export async function scan(options: {
  readonly connections: readonly Connection[];
  readonly units: readonly number[];
  readonly profiles: readonly Profile[];
  readonly bus: BusPool;
  readonly onResult?: (result: ScanResult) => void;
  readonly onProgress?: (progress: ScanProgress) => void;
  readonly signal?: AbortSignal;
}): Promise<{
  readonly results: readonly ScanResult[];
  readonly failures: readonly ScanFailure[];
}> {
  const { units, profiles, bus, onResult, onProgress, signal } = options;
  const lines = options.connections.flatMap((connection) => atEverySpeed(connection, profiles));
  const results: ScanResult[] = [];
  const failures: ScanFailure[] = [];
  // One bus has one speed: a unit that answered at one is not asked at the others.
  const answered = new Set<string>();
  const total = lines.length * units.length;
  let done = 0;
  for (const { connection, serial } of lines) {
    const before = done;
    try {
      for (const unit of units) {
        if (signal?.aborted) return { results, failures };
        const place = `${busName(connection)} ${unit}`;
        const result = answered.has(place)
          ? undefined
          : await ask({ connection, serial, unit, profiles, bus });
        if (result !== undefined) {
          answered.add(place);
          results.push(result);
          onResult?.(result);
        }
        done += 1;
        onProgress?.({ connection, unit, done, total });
      }
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      failures.push({ connection, failure });
      done = before + units.length;
    }
  }
  return { results, failures };
}

/** The serial ports of this machine, by names that stay when adapters are plugged elsewhere. */
export async function serialPorts(): Promise<
  readonly { readonly path: string; readonly description: string }[]
> {
  const ports = await SerialPort.list();
  return ports.map(({ path, pnpId, manufacturer = "", serialNumber = "" }) => {
    const stable = `/dev/serial/by-id/${pnpId}`;
    return {
      path: pnpId !== undefined && existsSync(stable) ? stable : path,
      description: [path, manufacturer, serialNumber].filter((part) => part !== "").join(" "),
    };
  });
}

type Speed = { readonly connection: Connection; readonly serial: Profile["serial"] };

function atEverySpeed(connection: Connection, profiles: readonly Profile[]): Speed[] {
  const factory: Profile["serial"] = { baud: 9600, parity: "none", stopBits: 1 };
  if (connection.kind !== "rtu") return [{ connection, serial: factory }];
  const serials = [factory, ...profiles.map(({ serial }) => serial)];
  const speeds = new Map<string, Speed>();
  for (const serial of serials) {
    const { baud = serial.baud, parity = serial.parity } = connection;
    const key = `${baud} ${parity}`;
    if (!speeds.has(key)) speeds.set(key, { connection: { ...connection, baud, parity }, serial });
  }
  return [...speeds.values()];
}

type Place = Speed & {
  readonly unit: number;
  readonly profiles: readonly Profile[];
  readonly bus: BusPool;
};

async function ask(place: Place): Promise<ScanResult | undefined> {
  const { connection, serial, unit, profiles, bus } = place;
  const lease = bus.acquire(connection, serial);
  try {
    if (!(await isAlive(lease.port, unit))) return undefined;
    const found: Candidate[] = [];
    for (const profile of profiles) {
      // Each meter takes a share of its own; ours keeps the bus open in between.
      const candidate = await tryProfile(place, profile);
      if (candidate !== undefined) found.push(candidate);
    }
    const identified = found.filter(({ how }) => how === "identified");
    const candidates = identified.length > 0 ? identified : found;
    const status = (["unknown", "found"] as const)[candidates.length] ?? "ambiguous";
    return { connection, unit, status, candidates };
  } finally {
    await lease.release();
  }
}

/** Whether anything answers at this unit id, an exception included. One timeout when nothing does. */
async function isAlive(port: GuardedPort, unit: number): Promise<boolean> {
  const first = { unit, address: 0, count: 2, maxRegisters: 80, evenCount: true } as const;
  try {
    const reply = await port.read({ ...first, function: 3 });
    // A gateway answers in the name of units that are not there: exceptions 10 and 11.
    return reply.ok || (reply.exception !== 10 && reply.exception !== 11);
  } catch (error) {
    if (error instanceof Failure && error.code === "meter.timeout") return false;
    throw error;
  }
}

async function tryProfile(place: Place, profile: Profile): Promise<Candidate | undefined> {
  try {
    return await (profile.protocol === "modbus"
      ? tryModbus(place, profile)
      : trySunspec(place, profile));
  } catch (error) {
    // It answered before, so a refusal or silence now is about this profile's registers.
    if (error instanceof Failure && notThis.has(error.code)) return undefined;
    throw error;
  }
}

const notThis = new Set([
  "meter.timeout",
  "meter.exception",
  "meter.refused",
  "meter.suspect",
  "meter.wrong-model",
]);

const epoch = utcMs(0);

async function tryModbus(place: Place, profile: ModbusProfile): Promise<Candidate | undefined> {
  const lease = place.bus.acquire(place.connection, place.serial);
  const meter = new ModbusMeter({ profile, lease, unit: place.unit, clock: () => epoch });
  try {
    const recognition = await meter.recognise();
    if (recognition === "other") return undefined;
    if (recognition === "open" && !isPlausible(profile, await meter.read())) return undefined;
    const identity = await meter.identify();
    return { how: recognition === "confirmed" ? "identified" : "probed", identity };
  } finally {
    await meter.close();
  }
}

async function trySunspec(place: Place, profile: SunspecProfile): Promise<Candidate | undefined> {
  const lease = place.bus.acquire(place.connection, place.serial);
  const meter = new SunspecMeter({ profile, lease, unit: place.unit, clock: () => epoch });
  try {
    return { how: "identified", identity: await meter.identify() };
  } finally {
    await meter.close();
  }
}
