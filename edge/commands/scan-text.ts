import type { Failure } from "@busbar/protocol";
import { type Connection, settingsText } from "../framing/line.ts";
import type { ScannedBus, ScanProgress, ScanReport, ScanResult } from "../meters/scan.ts";
import type { SerialPortInfo } from "../meters/serial-ports.ts";
import { isTelegramProfile } from "../meters/telegram-profiles.ts";
import { placeText } from "./places.ts";
import { portRemedies } from "./port-remedy.ts";
import { waitText, wrap } from "./terminal.ts";

/** One port with its driver, and what is wrong with it. */
export function portText(port: SerialPortInfo, width: number): string {
  const { path, device, driver = "no driver named", product } = port;
  const facts = [path === device ? undefined : device, driver, product];
  const about = facts.filter((fact) => fact !== undefined).join(", ");
  const lines = [`  ${path}`, `    ${about}`, ...port.warnings.map((text) => `    ! ${text}`)];
  return lines.map((line) => wrap(line, width, "      ")).join("\n");
}

/** What answered, without its place: "  unit 3  9600 8N1  eastron-sdm630 (SDM630 V2) serial 4711". */
export function resultText(result: ScanResult, width: number): string {
  const { connection, unit, status, sameAs } = result;
  const serial = connection.kind === "rtu" ? `  ${settingsText(connection)}` : "";
  const head = isTelegram(result)
    ? `  ${result.settings === undefined ? "" : `${result.settings}  `}`
    : `  unit ${String(unit).padEnd(3)}${serial}  `;
  const indent = " ".repeat(head.length);
  if (sameAs !== undefined) return `${head}the same meter as unit ${sameAs}`;
  if (status === "unknown") {
    const text = "answers, but no profile fits (busbar-edge profiles list shows those there are)";
    return wrap(head + text, width, indent);
  }
  const address = result.address === undefined ? "" : ` address ${result.address}`;
  const names = result.candidates.map(candidateText).join(" or ") + address;
  const also =
    result.also.length === 0 ? "" : `; further values by ${result.also.join(", ")} at the same id`;
  return wrap(
    `${head}${status === "ambiguous" ? "ambiguous: " : ""}${names}${also}`,
    width,
    indent,
  );
}

/** Whether a meter was found that does not speak Modbus. */
const isTelegram = ({ candidates: [first] }: ScanResult): boolean =>
  first !== undefined && isTelegramProfile(first.identity.profile);

function candidateText({ identity, how }: ScanResult["candidates"][number]): string {
  const { profile, model, serialNumber } = identity;
  const parts = [
    profile,
    model === undefined ? "" : `(${model})`,
    serialNumber === undefined ? "" : `serial ${serialNumber}`,
    how === "probed" ? "by its values" : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** What the whole scan came to: failures with remedies, what the lines tell, what to do next. */
export function summaryText(report: ScanReport, options: SummaryOptions): string {
  const { width } = options;
  const paragraphs = [
    ...report.failures.map(({ connection, failure }) => failureText(connection, failure)),
    ...report.buses.flatMap((bus) =>
      bus.hints.map((hint) => `${placeText(bus.connection)}: ${hint}`),
    ),
  ];
  const lines = paragraphs.map((text) => wrap(text, width, "  "));
  return [
    ...lines,
    foundText(report, options),
    ...(options.next === false ? [] : nextText(report, width)),
  ].join("\n");
}

type SummaryOptions = {
  readonly width: number;
  readonly ms: number;
  readonly interrupted: boolean;
  /** Whether to say what can be done next. Default true. */
  readonly next?: boolean;
};

function failureText(connection: Connection, failure: Failure): string {
  const remedies = portRemedies(connection, failure);
  return [`${failure.message} [${failure.code}]`, ...remedies].join("; ");
}

function foundText({ results }: ScanReport, { ms, interrupted }: SummaryOptions): string {
  const meters = results.filter(({ sameAs }) => sameAs === undefined).length;
  const count = meters === 1 ? "1 meter" : `${meters === 0 ? "no" : meters} meters`;
  return `${count} found ${interrupted ? "when interrupted after" : "in"} ${waitText(ms)}`;
}

function nextText({ results }: ScanReport, width: number): string[] {
  const next: string[] = [];
  const unclear = results.find(({ status }) => status === "ambiguous");
  if (unclear !== undefined) {
    const { connection, unit, candidates } = unclear;
    const text =
      "Ambiguous: no register tells these apart; look at the name plate, or compare the display with";
    const place = `${placeText(connection)}${speedOption(connection)} --unit ${unit}`;
    const profile = `--profile ${candidates[0]?.identity.profile}`;
    next.push(wrap(text, width, "  "), `  busbar-edge read --at ${place} ${profile}`);
  }
  if (results.length > 0) next.push("Next: busbar-edge setup puts meters into edge.yaml");
  return next;
}

function speedOption(connection: Connection): string {
  if (connection.kind !== "rtu" || connection.baud === undefined) return "";
  return ` --baud ${connection.baud} --parity ${connection.parity ?? "none"}`;
}

/** "[####......]  40 %, at most 12 s left: /dev/ttyUSB0 19200 8E1 unit 3" in one line. */
export function progressText({
  done,
  total,
  leftMs,
  connection,
  unit,
  what,
}: ScanProgress): string {
  const width = 20;
  const share = done / Math.max(1, total);
  const bar = "#".repeat(Math.round(width * share)).padEnd(width, ".");
  const percent = String(Math.floor(100 * share)).padStart(3);
  const name = placeText(connection).replace(/^.*\//, "");
  const place = name.length > 24 ? `…${name.slice(-23)}` : name;
  const speed =
    connection.kind === "rtu" && connection.baud !== undefined
      ? ` ${settingsText(connection)}`
      : "";
  return `[${bar}] ${percent} %, at most ${waitText(leftMs)} left: ${place}${what === undefined ? `${speed} ${unit}` : ` ${what}`}`;
}

/** What one bus took, for JSON. */
export function busJson({ connection, ms, tried, seen, hints }: ScannedBus): unknown {
  return { connection, ms, settingsTried: tried.length, seen, hints };
}
