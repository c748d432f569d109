import { Failure } from "@busbar/protocol";
import { cutFromSmallSlabs } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { settingsAside } from "../config/aside.ts";
import type { Settings } from "../config/settings.ts";
import { type RunningUnit, type Surroundings, startUnit } from "../main.ts";
import { LogRing } from "../support/log-ring.ts";
import { systemDisk } from "../update/disk.ts";
import { installationOf, runningSlot, startOver } from "../update/enter.ts";
import { updateFolder } from "../update/store.ts";
import { UpdateWatch, type WatchOptions } from "../update/watch.ts";
import { startWithCache } from "./lean.ts";
import { openLog } from "./log.ts";

/**
 * Runs the unit until SIGTERM or SIGINT. SIGHUP starts it anew with the configuration as it is now;
 * one that does not parse, or that no unit can be started with, changes nothing.
 */
export async function runCommand(file: string): Promise<void> {
  // Before anything is read: what follows is done once, by the process that stays.
  await startWithCache();
  cutFromSmallSlabs();
  let settings = await settingsAside(file);
  const ring = new LogRing();
  const log = openLog(settings.config.log, process.stderr, ring);
  const { next, starting, over, reload } = signalQueue();
  let watch: UpdateWatch | undefined;
  const around = { update: () => watch?.status(), logLines: () => ring.lines, reload };
  let unit = await starting(startUnit(settings, log, around));
  watch = watchUpdates(settings.config.home, { log, seen: () => unit.status(), over });
  for (;;) {
    const ready = {
      event: "ready",
      device: settings.config.device.id,
      statusPort: unit.statusPort,
    };
    process.stdout.write(`${JSON.stringify(ready)}\n`);
    const then = await untilEnd(next, file, log);
    log.info({ reload: then !== "end" }, "stopping");
    await unit.stop(then === "end" ? "end" : "reload");
    if (then === "end") break;
    // The same process goes on as the program that is to run.
    if (then === "over") {
      startOver();
      log.error("another program cannot be started from here; this one goes on");
      watch.stop();
    }
    const wanted = typeof then === "string" ? settings : then;
    [unit, settings] = await starting(startOneOf([wanted, settings], log, around));
    log.level = settings.config.log;
  }
  // The log is synchronous and every store is closed: nothing is left that a timer could still do.
  process.exit(process.exitCode ?? 0);
}

/** Starts a unit with the new configuration, else with the one that worked before. */
async function startOneOf(
  [wanted, before]: readonly [Settings, Settings],
  log: Logger,
  around: Surroundings,
): Promise<[RunningUnit, Settings]> {
  try {
    return [await startUnit(wanted, log, around), wanted];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    log.error({ err: error }, "the new configuration is not used");
    return [await startUnit(before, log, around), before];
  }
}

/** What becomes of a unit that runs. `over`: another program is to run. */
type Signal = "end" | "reload" | "over";

function watchUpdates(
  home: string,
  { log, seen, over }: Pick<WatchOptions, "log" | "seen"> & { readonly over: () => void },
): UpdateWatch {
  const began = performance.now();
  return new UpdateWatch({
    disk: systemDisk,
    folder: updateFolder(home),
    installation: installationOf().version,
    slot: runningSlot(),
    log,
    seen,
    ranMs: () => performance.now() - began,
    startOver: over,
  });
}

/**
 * Signals as they come, none lost between two waits. A unit that is `starting`, for example one that
 * waits for its site's clock, has nothing to hand over yet: it ends at once.
 */
function signalQueue() {
  const waiting: Signal[] = [];
  let wake: (() => void) | undefined;
  let isStarting = false;
  const come = (signal: Signal) => {
    if (isStarting && signal === "end") process.exit(0);
    waiting.push(signal);
    wake?.();
  };
  const listen = (name: NodeJS.Signals, signal: Signal) => process.on(name, () => come(signal));
  listen("SIGTERM", "end");
  listen("SIGINT", "end");
  listen("SIGHUP", "reload");
  const next = async (): Promise<Signal> => {
    if (waiting.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return waiting.includes("end") ? "end" : (waiting.shift() ?? "end");
  };
  const starting = async <T>(start: Promise<T>): Promise<T> => {
    isStarting = true;
    try {
      return await start;
    } finally {
      isStarting = false;
    }
  };
  return { next, starting, over: () => come("over"), reload: () => come("reload") };
}

/** The new settings after a SIGHUP, or what else the unit is to do. */
async function untilEnd(
  next: () => Promise<Signal>,
  file: string,
  log: Logger,
): Promise<Settings | "end" | "over"> {
  for (;;) {
    const signal = await next();
    if (signal !== "reload") return signal;
    try {
      return await settingsAside(file);
    } catch (error) {
      log.error({ err: error }, "the new configuration is not used");
    }
  }
}
