import { existsSync } from "node:fs";
import { Failure } from "@busbar/protocol";
import { SerialPort } from "serialport";
import type { BusPool } from "../framing/bus-pool.ts";
import { busName, type Connection, type SerialSettings } from "../framing/line.ts";
import { type Profile, usualSerial } from "./profile.ts";
import { askUnit, type UnitResult } from "./scan-unit.ts";

export type { Candidate } from "./scan-unit.ts";

/** What answers at one place. */
export type ScanResult = UnitResult & { readonly connection: Connection; readonly unit: number };

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
          : await askUnit({ connection, serial, unit, profiles, bus });
        if (result !== undefined) {
          answered.add(place);
          results.push({ connection, unit, ...result });
          onResult?.({ connection, unit, ...result });
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

type Speed = { readonly connection: Connection; readonly serial: SerialSettings };

function atEverySpeed(connection: Connection, profiles: readonly Profile[]): Speed[] {
  if (connection.kind !== "rtu") return [{ connection, serial: usualSerial }];
  const serials = [usualSerial, ...profiles.flatMap(({ serial = [] }) => serial)];
  const speeds = new Map<string, Speed>();
  for (const serial of serials) {
    const { baud = serial.baud, parity = serial.parity } = connection;
    const key = `${baud} ${parity}`;
    if (!speeds.has(key)) speeds.set(key, { connection: { ...connection, baud, parity }, serial });
  }
  return [...speeds.values()];
}
