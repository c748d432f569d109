import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { signerOf } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { type MandateFile, readMandate } from "./agent/mandate.ts";
import { openUnitClock } from "./clock/open.ts";
import type { TimeOfUnit } from "./clock/unit-clock.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { Settings } from "./config/settings.ts";
import { BusPool } from "./framing/bus-pool.ts";
import { lockFolder } from "./journal/database.ts";
import { openDeviceKey } from "./journal/device-key.ts";
import { LearnedFile } from "./meters/learned-file.ts";
import { openSource, type Source } from "./schedule/source.ts";
import { Counters } from "./status/counters.ts";
import { ReadTimes } from "./status/read-times.ts";
import { serveStatus } from "./status/server.ts";
import type { Status } from "./status/status.ts";
import { feedWatchdog, reloading, serviceManager } from "./status/systemd.ts";
import { Unit } from "./unit.ts";
import type { UpdateStatus } from "./update/state.ts";

/** A unit that runs. */
export type RunningUnit = {
  readonly statusPort: number;
  status(): Status;
  /** Signs what is unsigned, hands over what it can in a few seconds, and ends: for good, or to start
   * anew at once. */
  stop(why: "end" | "reload"): Promise<void>;
};

/** What a unit is told of the process that it runs in. */
export type Surroundings = {
  /** Which program this is, and what is on trial. */
  readonly update?: () => UpdateStatus | undefined;
  /** The newest lines of the log. */
  readonly logLines?: () => readonly string[];
  /** Starts it anew, after a label's code brought files that the configuration names. */
  readonly reload?: () => void;
};

/**
 * Starts all of an edge unit. Recording begins even where the unit cannot reach anybody. A start that
 * fails leaves nothing behind.
 * Throws: `Failure` for what no retry can mend: configuration, key, journal, taken port.
 */
export async function startUnit(
  settings: Settings,
  log: Logger,
  { update = () => undefined, logLines = () => [], reload = () => {} }: Surroundings = {},
): Promise<RunningUnit> {
  const { config } = settings;
  const mandate = mandateOf(config);
  const signer = signerOf(openDeviceKey(config.device.key));
  warnOfOpenKey(config.device.key, log);
  if (config.clock.kind === "file" && !existsSync(config.clock.path)) {
    log.warn({ file: config.clock.path }, "waits for the site's clock");
  }
  const clock = await openUnitClock(config.clock, (change) => {
    log[change.what === "known" ? "info" : "warn"](change, "the unit's clock");
    unit?.clockChanged(change.what);
  });
  let unit: Unit | undefined;
  await using parts = new AsyncDisposableStack();
  const lock = lockFolder(config.data);
  parts.defer(() => lock.release());
  const bus = new BusPool();
  const times = new ReadTimes();
  const counters = new Counters();
  const learned = new LearnedFile(join(config.data, "learned.json"), (reason) =>
    counters.count(reason),
  );
  const opened = await openSources(settings, { clock, bus, learned });
  const sources = opened.map((source) => times.watch(source));
  const unitParts = {
    ...{ settings, log, mandate, signer, clock, bus, sources, times, counters },
    ...{ update, logLines },
  };
  const started = new Unit(unitParts);
  unit = started;
  parts.defer(() => started.stop());
  await clock.begin(started.floor());
  const statusNow = () => {
    const told = update();
    return { ...started.status(), ...(told === undefined ? {} : { update: told }) };
  };
  const status = await serveStatus(config.status, statusNow, async (code) => {
    // Its cost in memory is for the moment when it is needed.
    const taken = await (await import("./claim/take.ts")).takeCode(code, config);
    return { files: taken.files, ...(taken.files.length === 0 ? {} : { answered: reload }) };
  });
  parts.defer(() => status.close());
  started.start();
  const manager = serviceManager();
  const watchdog = feedWatchdog(manager, {
    stalled: () => started.stalled(),
    onStarve: (meters) => log.error({ meters }, "polls do not end: the watchdog is left to bite"),
  });
  parts.defer(() => watchdog.stop());
  void manager.notify("READY=1", `STATUS=reads ${config.meters.length} meters`);
  const running = parts.move();
  return {
    statusPort: status.port,
    status: statusNow,
    stop: async (why) => {
      const told = manager.notify(...(why === "reload" ? reloading() : ["STOPPING=1"]));
      await running.disposeAsync();
      await told;
    },
  };
}

async function openSources(
  { config, profiles }: Settings,
  rest: { readonly clock: TimeOfUnit; readonly bus: BusPool; readonly learned: LearnedFile },
): Promise<Source[]> {
  const profileOf = (name: string) => {
    const profile = profiles.get(name);
    assert(profile !== undefined, `the profile ${name} was read with the configuration`);
    return profile;
  };
  const sources: Source[] = [];
  for (const meter of config.meters) {
    sources.push(await openSource(meter, { ...rest, data: config.data, profileOf }));
  }
  return sources;
}

/** Recording goes on: a key that others could read is for people to judge. */
function warnOfOpenKey(file: string, log: Logger): void {
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  log.warn({ file, mode: mode.toString(8) }, "others can read the unit's secret key: chmod 600");
}

function mandateOf({ agent, device, owner }: LoadedConfig): MandateFile | undefined {
  if (!agent.enabled) return undefined;
  return readMandate(agent.mandate, { device: device.id, owner: owner.id });
}
