import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { BusPool } from "../framing/bus-pool.ts";
import { loadProfiles } from "../meters/profile.ts";
import { serialPortAt } from "../meters/serial-ports.ts";
import { keptOf, sweepName } from "../sweep/kept.ts";
import { type SweepOptions, type SweptBus, sweepBus } from "../sweep/sweep.ts";
import { sweptText } from "../sweep/text.ts";
import { exitCode, exitWith, fileFault, print } from "./output.ts";
import { type SpeedOptions, unitsOf } from "./places.ts";
import { portRemedies } from "./port-remedy.ts";
import { connectionsOf } from "./scan.ts";
import { canRedraw, columnsOf, StatusLine, wrap } from "./terminal.ts";

/** Options of `busbar-edge sweep`. */
export type SweepCommandOptions = SpeedOptions & {
  readonly units?: string;
  readonly reads: string;
  readonly quick?: boolean;
  readonly thorough?: boolean;
  readonly modbusOnly?: boolean;
  readonly config: string;
  readonly json?: boolean;
};

const readsMax = 1000;

/** Looks into lines, beyond which meters are there: what disturbs them, and how fast answers come. Reads only. */
export async function sweepCommand(
  places: readonly string[],
  options: SweepCommandOptions,
): Promise<void> {
  const { json = false } = options;
  const connections = connectionsOf(places, options);
  if (connections.some(({ kind }) => kind === "tcp")) {
    const message = "a sweep looks into serial lines and gateways; busbar-edge scan asks networks";
    throw new Failure("usage.sweep", message, { retry: "never" });
  }
  const width = columnsOf(process.stdout);
  const status = new StatusLine();
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.once("SIGINT", stop);
  const swept: SweptBus[] = [];
  try {
    for (const connection of connections) {
      if (abort.signal.aborted) break;
      const onStep = json
        ? undefined
        : shown(status, "path" in connection ? connection.path : connection.host);
      const one = await sweepBus(connection, {
        ...sweepOptions(options),
        onStep,
        signal: abort.signal,
      });
      swept.push(one);
      if (!json) status.above(() => process.stdout.write(`${textOf(one, width)}\n\n`));
    }
  } finally {
    status.clear();
    process.off("SIGINT", stop);
  }
  const keptAt = abort.signal.aborted ? undefined : keepOrSay(options.config, swept);
  const faults = swept.flatMap(({ findings }) => findings.filter(({ state }) => state === "fault"));
  const failed = swept.filter(({ failure }) => failure !== undefined);
  const isOk = faults.length === 0 && failed.length === 0;
  const interrupted = abort.signal.aborted;
  print(json, { ok: isOk, buses: swept, kept: keptAt, interrupted }, () => {
    const kept = keptAt === undefined ? "" : `; kept in ${keptAt}, the unit's page shows it`;
    return `${swept.length} lines swept, ${faults.length} faults found${kept}`;
  });
  if (interrupted) await exitWith(exitCode.interrupted);
  if (!isOk) process.exitCode = exitCode.failed;
}

function sweepOptions({
  units,
  reads,
  quick = false,
  thorough = false,
  modbusOnly = false,
}: SweepCommandOptions): SweepOptions {
  const times = Number(reads);
  if (!(Number.isInteger(times) && times >= 1 && times <= readsMax)) {
    const message = `expected --reads from 1 to ${readsMax}, got ${reads}`;
    throw new Failure("usage.sweep", message, { retry: "never" });
  }
  return {
    units: unitsOf(units ?? (quick ? "1-3" : "1-10")),
    profiles: [...loadProfiles().values()],
    bus: new BusPool({}),
    effort: quick ? "quick" : thorough ? "thorough" : "usual",
    reads: times,
    idleMs: thorough ? 5000 : 1500,
    replyMs: quick ? 250 : 500,
    otherProtocols: !modbusOnly,
    portAt: (path) => serialPortAt(path),
  };
}

function textOf(swept: SweptBus, width: number): string {
  const text = sweptText(swept, width);
  if (swept.failure === undefined) return text;
  const { code, message } = swept.failure;
  const remedies = portRemedies(swept.connection, new Failure(code, message, { retry: "later" }));
  const unit =
    code === "meter.port-busy"
      ? [
          "the unit itself? its page shows this line too; for a sweep stop it: sudo systemctl stop busbar-edge",
        ]
      : [];
  return [
    text,
    ...[...remedies, ...unit].map((one) => wrap(`    to do: ${one}`, width, "      ")),
  ].join("\n");
}

/** What was found has been told: that it cannot be kept is no reason to fail. */
function keepOrSay(config: string, swept: readonly SweptBus[]): string | undefined {
  try {
    return keep(config, swept);
  } catch (error) {
    const known = fileFault(error) ?? error;
    if (!(known instanceof Failure)) throw error;
    process.stderr.write(`not kept for the unit's page: ${known.message}\n`);
    return undefined;
  }
}

/** Where there is a unit, its page and its sheet show what was found. */
function keep(config: string, swept: readonly SweptBus[]): string | undefined {
  if (!existsSync(config)) return undefined;
  const { home } = loadConfig(config);
  const path = join(home, sweepName);
  const aside = `${path}.${process.pid}.new`;
  writeFileSync(aside, `${JSON.stringify(keptOf(swept, new Date().toISOString()))}\n`, {
    flush: true,
  });
  renameSync(aside, path);
  return path;
}

function shown(status: StatusLine, place: string): (step: string) => void {
  const name = place.replace(/^.*\//, "");
  if (canRedraw(process.stderr)) return (step) => status.show(`${name}: ${step} …`);
  return (step) => process.stderr.write(`${name}: ${step}\n`);
}
