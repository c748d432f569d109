import { setTimeout as sleep } from "node:timers/promises";
import { Failure, utcMs } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { BusPool } from "../framing/bus-pool.ts";
import { busName, settingsText, type Trace } from "../framing/line.ts";
import type { Meter, MeterIdentity, MeterReading } from "../meters/meter.ts";
import { profileOf } from "../meters/profile.ts";
import { isTelegramProfile } from "../meters/telegram-profiles.ts";
import { countFileOf, type MeterPlace, openPlace } from "../schedule/source.ts";
import { CaptureFile } from "./capture-file.ts";
import { frameWriter } from "./frame-text.ts";
import { exitCode, exitWith, print } from "./output.ts";
import { meterPlaceOf, placeText, type SpeedOptions, unitsOf, withSpeed } from "./places.ts";
import { only, readingHead, valueLines, valuesText } from "./read-text.ts";
import { canRedraw, columnsOf, wrap } from "./terminal.ts";
import { WatchScreen } from "./watch-screen.ts";

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
  readonly only?: string;
  readonly raw?: boolean;
  readonly capture?: string;
  readonly json?: boolean;
};

type Target = MeterPlace & { readonly id: string };
/** A meter that was identified once is asked who it is again after a failure only. */
type Opened = { readonly id: string; readonly meter: Meter; identity?: MeterIdentity | undefined };

type Outcome =
  | { readonly ok: true; readonly identity: MeterIdentity; readonly reading: MeterReading }
  | { readonly ok: false; readonly failure: Failure };

/** Reads meters once, or again and again, and shows all that they say. */
export async function readCommand(ids: readonly string[], options: ReadOptions): Promise<void> {
  const targets = targetsOf(ids, options);
  const everyMs = everyMsOf(options);
  const capture = options.capture === undefined ? undefined : openCapture(options.capture, targets);
  const bus = new BusPool({ trace: traceOf(targets, options, capture) });
  const clock = () => utcMs(Date.now());
  const meters: Opened[] = [];
  for (const target of targets) {
    const { meter } = await openPlace(target, { clock, bus, profileOf });
    meters.push({ id: target.id, meter });
  }
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  process.once("SIGINT", stop);
  const interrupted = new Promise<"stop">((resolve) => {
    stopped.signal.addEventListener("abort", () => resolve("stop"));
  });
  const done = readAll(meters, { ...options, everyMs, capture, signal: stopped.signal });
  try {
    if ((await Promise.race([done, interrupted])) !== "stop") return;
    // The bus is still being asked; nobody waits for the answer.
    capture?.close();
    return await exitWith(exitCode.interrupted);
  } finally {
    process.off("SIGINT", stop);
    await Promise.all(meters.map(({ meter }) => meter.close()));
    capture?.close();
  }
}

type Run = Omit<ReadOptions, "capture"> & {
  readonly everyMs: number;
  readonly capture: CaptureFile | undefined;
  readonly signal: AbortSignal;
};

async function readAll(meters: readonly Opened[], options: Run): Promise<void> {
  const { watch = false, json = false, raw = false, everyMs, capture, signal } = options;
  const redraw = watch && !json && canRedraw(process.stdout);
  const ids = meters.map(({ id }) => id);
  const screen = redraw ? new WatchScreen(ids, { raw }) : undefined;
  do {
    for (const opened of meters) {
      const start = performance.now();
      const outcome = await readOne(opened, options);
      if (signal.aborted) return;
      capture?.remark(`${opened.id}: ${outcomeText(outcome)}`);
      const ms = performance.now() - start;
      screen?.told(opened.id, outcome.ok ? { ...outcome, ms } : { failure: outcome.failure, ms });
      if (screen === undefined) show(opened.id, outcome, options);
      if (!outcome.ok && !watch) process.exitCode = exitCode.failed;
    }
    screen?.draw();
    if (watch) await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  } while (watch && !signal.aborted);
}

async function readOne(opened: Opened, options: Pick<ReadOptions, "only">): Promise<Outcome> {
  try {
    opened.identity ??= await opened.meter.identify();
    const reading = await opened.meter.read();
    const texts = options.only?.split(",").filter((text) => text !== "") ?? [];
    return { ok: true, identity: opened.identity, reading: only(reading, texts) };
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    opened.identity = undefined;
    return { ok: false, failure };
  }
}

function show(
  id: string,
  outcome: Outcome,
  { json = false, watch = false, raw = false }: Run,
): void {
  const width = columnsOf(process.stdout);
  if (!outcome.ok) {
    const { code, message } = outcome.failure;
    const text = () => wrap(`${id}: ${message} [${code}]`, width, "  ");
    if (json || !watch) print(json, { meter: id, ok: false, code, message }, () => `${text()}\n`);
    else process.stderr.write(`${text()}\n`);
    return;
  }
  const { identity, reading } = outcome;
  if (watch && !json) process.stdout.write(valueLines(id, reading));
  else {
    print(json, { meter: id, ok: true, identity, ...reading }, () => {
      const lines = valuesText(reading, { width, raw });
      return `${[wrap(readingHead(id, identity, reading), width, "  "), ...lines].join("\n")}\n`;
    });
  }
}

const outcomeText = (outcome: Outcome): string =>
  outcome.ok
    ? `${outcome.reading.values.length} values read, ${outcome.reading.unknown.length} unknown`
    : `${outcome.failure.message} [${outcome.failure.code}]`;

function everyMsOf({ every }: ReadOptions): number {
  const everyMs = Number(every) * 1000;
  if (everyMs > 0 && everyMs < 2 ** 31) return everyMs;
  const message = `expected --every in seconds above 0, got ${JSON.stringify(every)}`;
  throw new Failure("usage.every", message, { retry: "never" });
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

/** Frames on standard error with --raw, into the recording with --capture. */
function traceOf(
  targets: readonly Target[],
  { raw = false, watch = false, json = false }: ReadOptions,
  capture: CaptureFile | undefined,
): Trace {
  const drawn = watch && canRedraw(process.stdout) && process.stderr.isTTY === true;
  const shown = raw && !json && !drawn;
  const writer = frameWriter({
    width: columnsOf(process.stderr),
    framing: (bus) => framingOf(targets.find(({ connection }) => busName(connection) === bus)),
    write: (text) => process.stderr.write(text),
  });
  return (frame) => {
    if (shown) writer(frame);
    capture?.frame(frame);
  };
}

function framingOf(target: Target | undefined): "rtu" | "tcp" | undefined {
  if (target === undefined || isTelegramProfile(target.profile)) return undefined;
  return target.connection.kind === "tcp" ? "tcp" : "rtu";
}

function openCapture(file: string, targets: readonly Target[]): CaptureFile {
  const buses = new Set(targets.map(({ connection }) => busName(connection)));
  if (buses.size > 1) {
    const message = `expected the meters of one bus with --capture, got ${[...buses].join(", ")}; name the meter`;
    throw new Failure("usage.capture-buses", message, { retry: "never" });
  }
  const about = targets.map(({ id, profile, connection, unit, address }) => {
    const speed =
      connection.kind === "rtu" && connection.baud !== undefined
        ? ` ${settingsText(connection)}`
        : "";
    const which = address === undefined ? `unit ${unit}` : `address ${address}`;
    return `meter ${id}: profile ${profile} at ${placeText(connection)}${speed}, ${which}`;
  });
  return new CaptureFile(file, [...about, `read it back: ${decodeText(targets[0], file)}`]);
}

function decodeText(target: Target | undefined, file: string): string {
  const framing = framingOf(target);
  if (framing === undefined) {
    const names = new Map([
      ["dlt645-2007", "dlt645"],
      ["iec62056-21-push", "iec62056-21"],
    ]);
    const profile = target?.profile ?? "";
    return `busbar-edge decode --protocol ${names.get(profile) ?? profile} ${file}`;
  }
  return `busbar-edge decode --protocol modbus-${framing} --profile ${target?.profile} ${file}`;
}
