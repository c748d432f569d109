import { Failure } from "@busbar/protocol";
import { BusPool } from "../framing/bus-pool.ts";
import type { Connection } from "../meters/meter.ts";
import { loadProfiles } from "../meters/profile.ts";
import { type ScanProgress, type ScanResult, scan, serialPorts } from "../meters/scan.ts";
import { exitCode, print } from "./output.ts";
import { placeOf, placeText, unitsOf } from "./places.ts";

/** Options of `busbar-edge scan`. */
export type ScanOptions = { readonly units: string; readonly json?: boolean };

/** Looks for meters at the places named, or at all serial ports, and says which they are. */
export async function scanCommand(
  places: readonly string[],
  { units, json = false }: ScanOptions,
): Promise<void> {
  const connections = await connectionsOf(places);
  const abort = new AbortController();
  process.once("SIGINT", () => abort.abort());
  const progress = !json && process.stderr.isTTY;
  const { results, failures } = await scan({
    connections,
    units: unitsOf(units),
    profiles: [...loadProfiles().values()],
    bus: new BusPool(),
    signal: abort.signal,
    onResult: (result) => {
      if (progress) process.stderr.write("\r\u001b[K");
      if (!json) process.stdout.write(`${resultText(result)}\n`);
    },
    ...(progress ? { onProgress: showProgress } : {}),
  });
  if (progress) process.stderr.write("\r\u001b[K");
  const failed = failures.map(({ connection, failure: { code, message } }) => ({
    connection,
    code,
    message,
  }));
  print(json, { results, failures: failed }, () => summaryText(results, failed));
  if (results.length === 0) process.exitCode = exitCode.failed;
}

async function connectionsOf(places: readonly string[]): Promise<Connection[]> {
  if (places.length > 0) return places.map(placeOf);
  const ports = await serialPorts();
  if (ports.length === 0) {
    const message =
      "this machine has no serial port; plug the adapter in, or name a place like tcp://192.168.1.50:502";
    throw new Failure("scan.no-port", message, { retry: "later" });
  }
  return ports.map(({ path }) => ({ kind: "rtu", path }));
}

function resultText({ connection, unit, status, candidates }: ScanResult): string {
  const speed =
    connection.kind === "rtu" ? ` ${connection.baud ?? ""} ${connection.parity ?? ""}` : "";
  const where = `${placeText(connection)}${speed} unit ${unit}`;
  if (status === "unknown") return `${where}: answers, but no profile fits`;
  const names = candidates.map(({ identity: { profile, model, serialNumber }, how }) =>
    [
      profile,
      model === undefined ? "" : `(${model})`,
      serialNumber === undefined ? "" : `serial ${serialNumber}`,
      how === "probed" ? "by its values" : "",
    ]
      .filter((part) => part !== "")
      .join(" "),
  );
  return `${where}: ${status === "ambiguous" ? "one of " : ""}${names.join(" or ")}`;
}

function summaryText(
  results: readonly ScanResult[],
  failures: readonly { readonly code: string; readonly message: string }[],
): string {
  const lines = failures.map(({ code, message }) => `${message} [${code}]`);
  const silent = results.length === 0 && failures.length === 0;
  const hint = silent ? "; check power, wires A and B, and the unit ids asked (--units)" : "";
  return [...lines, `${results.length} found${hint}`].join("\n");
}

function showProgress({ connection, unit, done, total }: ScanProgress): void {
  const width = 30;
  const filled = Math.round((width * done) / Math.max(1, total));
  const bar = "#".repeat(filled).padEnd(width, ".");
  process.stderr.write(`\r\u001b[K[${bar}] ${done}/${total} ${placeText(connection)} unit ${unit}`);
}
