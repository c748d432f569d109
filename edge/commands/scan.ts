import { Failure } from "@busbar/protocol";
import { BusPool } from "../framing/bus-pool.ts";
import type { Connection } from "../meters/meter.ts";
import { loadProfiles } from "../meters/profile.ts";
import {
  longestScanMs,
  type ScanEffort,
  type ScanOptions,
  type ScanProgress,
  type ScanReport,
  type ScanResult,
  scan,
} from "../meters/scan.ts";
import { serialPorts } from "../meters/serial-ports.ts";
import { exitCode, exitWith, print } from "./output.ts";
import { placeOf, placeText, type SpeedOptions, unitsOf, withSpeed } from "./places.ts";
import { portRemedies } from "./port-remedy.ts";
import { busJson, portText, progressText, resultText, summaryText } from "./scan-text.ts";
import { canRedraw, columnsOf, StatusLine, waitText, wrap } from "./terminal.ts";

/** Options of `busbar-edge scan`. */
export type ScanCommandOptions = SpeedOptions & {
  readonly units?: string;
  readonly quick?: boolean;
  readonly thorough?: boolean;
  readonly json?: boolean;
};

const usualUnits = unitsOf("1-10");
/** Unit ids that inverters and their gateways are found at on a network. */
const networkUnits = [...usualUnits, 71, 126, 200, 240, 247];
const quickUnits = unitsOf("1-3");
/** Enough for all but the slowest meters. */
const quickReplyMs = 250;

/** Looks for meters at the places named, or at all serial ports, and says which they are. */
export async function scanCommand(
  places: readonly string[],
  options: ScanCommandOptions,
): Promise<void> {
  const { json = false } = options;
  const width = columnsOf(process.stdout);
  const scanOptions = scanOptionsOf(connectionsOf(places, options), options);
  if (!json) process.stdout.write(`${introText(scanOptions, width)}\n\n`);
  const report = await scanWithProgress(scanOptions, { quiet: json, width });
  const { results, failures, buses, ms, interrupted } = report;
  const failed = failures.map(({ connection, failure }) => {
    const { code, message } = failure;
    return { connection, code, message, remedies: portRemedies(connection, failure) };
  });
  const all = { results, failures: failed, buses: buses.map(busJson), ms, interrupted };
  print(json, all, () => summaryText(report, { width, ms, interrupted }));
  // The port is still being asked; nobody waits for the answer.
  if (interrupted) await exitWith(exitCode.interrupted);
  if (results.length === 0) process.exitCode = exitCode.failed;
}

/** What a scan of connections asks, by the command's options. */
export function scanOptionsOf(
  connections: readonly Connection[],
  { units, quick = false, thorough = false }: ScanCommandOptions,
): ScanOptions {
  const effort: ScanEffort = quick ? "quick" : thorough ? "thorough" : "usual";
  const named = units === undefined ? undefined : unitsOf(units);
  return {
    connections,
    units: ({ kind }) => named ?? (quick ? quickUnits : kind === "tcp" ? networkUnits : usualUnits),
    profiles: [...loadProfiles().values()],
    bus: new BusPool(quick ? { replyMs: quickReplyMs } : {}),
    effort,
    telegrams: true,
  };
}

export type EndedScan = ScanReport & {
  readonly ms: number;
  readonly interrupted: boolean;
  /** When an interrupted scan has let go of its ports. */
  readonly silent: Promise<void>;
};

/** Scans with results as they come and progress on standard error; Ctrl-C ends it with what there is. */
export async function scanWithProgress(
  options: ScanOptions,
  { quiet, width }: { readonly quiet: boolean; readonly width: number },
): Promise<EndedScan> {
  const start = performance.now();
  const abort = new AbortController();
  const results: ScanResult[] = [];
  const status = new StatusLine();
  const show = quiet ? undefined : progressShown(status);
  let place = "";
  const shown = (result: ScanResult) => {
    const where = placeText(result.connection);
    if (where !== place) process.stdout.write(`${where}\n`);
    place = where;
    process.stdout.write(`${resultText(result, width)}\n`);
  };
  const interrupted = new Promise<ScanReport>((resolve) => {
    abort.signal.addEventListener("abort", () => resolve({ results, failures: [], buses: [] }));
  });
  const stop = () => abort.abort();
  process.once("SIGINT", stop);
  try {
    const done = scan({
      ...options,
      signal: abort.signal,
      onResult: (result) => {
        results.push(result);
        if (!quiet) status.above(() => shown(result));
      },
      onProgress: show,
    });
    const report = await Promise.race([done, interrupted]);
    const ms = Math.round(performance.now() - start);
    return { ...report, ms, interrupted: abort.signal.aborted, silent: done.then(() => {}) };
  } finally {
    status.clear();
    process.off("SIGINT", stop);
  }
}

/** A bar where it can be drawn over, else a line for each tenth. */
function progressShown(status: StatusLine): (progress: ScanProgress) => void {
  if (canRedraw(process.stderr)) return (progress) => status.show(progressText(progress));
  let tenth = 0;
  return (progress) => {
    const now = Math.floor((10 * progress.done) / progress.total);
    if (now > tenth) process.stderr.write(`${progressText(progress)}\n`);
    tenth = now;
  };
}

/** The lines and networks named, or all serial ports. Throws: `Failure` `usage.place`, `scan.no-port`. */
export function connectionsOf(places: readonly string[], speed: SpeedOptions): Connection[] {
  if (places.length > 0) return places.map((place) => withSpeed(placeOf(place), speed));
  const ports = serialPorts();
  if (ports.length === 0) {
    const message =
      "this machine has no serial port; plug the adapter in, or name a place like tcp://192.168.1.50:502";
    throw new Failure("scan.no-port", message, { retry: "later" });
  }
  return ports.map(({ path }) => withSpeed({ kind: "rtu", path }, speed));
}

function introText(options: ScanOptions, width: number): string {
  const known = new Map(serialPorts().map((port) => [port.path, port]));
  const places = options.connections.map((connection) => {
    const port = connection.kind === "rtu" ? known.get(connection.path) : undefined;
    return port === undefined ? `  ${placeText(connection)}` : portText(port, width);
  });
  const time = waitText(longestScanMs(options));
  const head = `Looking for meters, ${time} at most where nothing answers (Ctrl-C ends):`;
  return [wrap(head, width), ...places].join("\n");
}
