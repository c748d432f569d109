import { setTimeout as sleep } from "node:timers/promises";
import { Failure, utcMs } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { BusPool } from "../framing/bus-pool.ts";
import { formatDecimal } from "../meters/decimal.ts";
import type { Meter, MeterReading } from "../meters/meter.ts";
import { countFileOf, type MeterPlace, openPlace } from "../schedule/source.ts";
import { exitCode, print, table } from "./output.ts";
import { meterPlaceOf, type SpeedOptions, unitsOf, withSpeed } from "./places.ts";

/** Options of `busbar-edge read`. */
export type ReadOptions = SpeedOptions & {
  readonly config: string;
  readonly at?: string;
  readonly profile?: string;
  readonly unit: string;
  readonly address?: string;
  readonly pulsesPerKwh?: string;
  readonly watch?: boolean;
  readonly every: string;
  readonly raw?: boolean;
  readonly json?: boolean;
};

type Target = MeterPlace & { readonly id: string };

/** Reads meters once, or again and again, and shows all that they say. */
export async function readCommand(ids: readonly string[], options: ReadOptions): Promise<void> {
  const targets = targetsOf(ids, options);
  const everyMs = Number(options.every) * 1000;
  if (!(everyMs > 0)) {
    const message = `expected --every in seconds above 0, got ${JSON.stringify(options.every)}`;
    throw new Failure("usage.every", message, { retry: "never" });
  }
  const bus = new BusPool(
    options.raw === true && options.json !== true ? { trace: showFrame } : {},
  );
  const clock = () => utcMs(Date.now());
  const meters = targets.map((target) => ({
    id: target.id,
    meter: openPlace(target, clock, bus).meter,
  }));
  try {
    do {
      for (const { id, meter } of meters) await readOne(id, meter, options);
      if (options.watch === true) await sleep(everyMs);
    } while (options.watch === true);
  } finally {
    await Promise.all(meters.map(({ meter }) => meter.close()));
  }
}

function targetsOf(ids: readonly string[], options: ReadOptions): Target[] {
  const { at, profile, unit, address, config } = options;
  if (at !== undefined) {
    if (profile === undefined) {
      const message = `expected --profile with --at; busbar-edge scan ${at} tells which meter it is`;
      throw new Failure("usage.profile", message, { retry: "never" });
    }
    const pulsesPerKwh =
      options.pulsesPerKwh === undefined ? undefined : Number(options.pulsesPerKwh);
    const connection = withSpeed(meterPlaceOf(at), options);
    return [{ id: at, profile, connection, unit: unitsOf(unit)[0] ?? 1, address, pulsesPerKwh }];
  }
  const { meters, data } = loadConfig(config);
  for (const id of ids) {
    if (meters.some((meter) => meter.id === id)) continue;
    const known = meters.map((meter) => meter.id).join(", ");
    const message = `no meter ${id} in ${config}; there are: ${known}`;
    throw new Failure("usage.meter", message, { retry: "never" });
  }
  return meters
    .filter(({ id }) => ids.length === 0 || ids.includes(id))
    .map((meter) => ({ ...meter, countFile: countFileOf(data, meter.id) }));
}

async function readOne(
  id: string,
  meter: Meter,
  { json = false, raw = false }: ReadOptions,
): Promise<void> {
  try {
    const identity = await meter.identify();
    const reading = await meter.read();
    print(json, { meter: id, ok: true, identity, ...reading }, () => {
      const serial = identity.serialNumber === undefined ? "" : `, serial ${identity.serialNumber}`;
      const head = `${id}: ${identity.profile}${serial}, ${new Date(reading.time).toISOString()}`;
      return `${head}\n${valuesTable(reading, raw)}\n`;
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { code, message } = error;
    print(json, { meter: id, ok: false, code, message }, () => `${id}: ${message} [${code}]\n`);
    process.exitCode = exitCode.failed;
  }
}

function valuesTable({ values, unknown }: MeterReading, raw: boolean): string {
  const rows = values.map((value) => [
    value.obis ?? "",
    value.quantity,
    formatDecimal(value),
    value.unit,
    ...(raw ? [value.raw.map((word) => word.toString(16).padStart(4, "0")).join(" ")] : []),
  ]);
  const head = ["OBIS", "quantity", "value", "unit", ...(raw ? ["registers"] : [])];
  const missing = unknown.length === 0 ? "" : `\nunknown: ${unknown.join(", ")}`;
  return table(head, rows) + missing;
}

function showFrame(event: {
  readonly bus: string;
  readonly direction: "sent" | "received";
  readonly bytes: Uint8Array;
}): void {
  const arrow = event.direction === "sent" ? ">" : "<";
  process.stderr.write(`${event.bus} ${arrow} ${Buffer.from(event.bytes).toString("hex")}\n`);
}
