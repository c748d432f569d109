import { Failure } from "@busbar/protocol";
import { cutFromSmallSlabs } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { settingsAside } from "../config/aside.ts";
import type { Settings } from "../config/settings.ts";
import { type RunningUnit, startUnit } from "../main.ts";
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
  const log = openLog(settings.config.log);
  const { next, starting } = signalQueue();
  let unit = await starting(startUnit(settings, log));
  for (;;) {
    const ready = {
      event: "ready",
      device: settings.config.device.id,
      statusPort: unit.statusPort,
    };
    process.stdout.write(`${JSON.stringify(ready)}\n`);
    const reloaded = await untilEnd(next, file, log);
    log.info({ reload: reloaded !== undefined }, "stopping");
    await unit.stop(reloaded === undefined ? "end" : "reload");
    if (reloaded === undefined) break;
    [unit, settings] = await starting(startOneOf([reloaded, settings], log));
    log.level = settings.config.log;
  }
  // The log is synchronous and every store is closed: nothing is left that a timer could still do.
  process.exit(process.exitCode ?? 0);
}

/** Starts a unit with the new configuration, else with the one that worked before. */
async function startOneOf(
  [wanted, before]: readonly [Settings, Settings],
  log: Logger,
): Promise<[RunningUnit, Settings]> {
  try {
    return [await startUnit(wanted, log), wanted];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    log.error({ err: error }, "the new configuration is not used");
    return [await startUnit(before, log), before];
  }
}

type Signal = "end" | "reload";

/**
 * Signals as they come, none lost between two waits. A unit that is `starting`, for example one that
 * waits for its site's clock, has nothing to hand over yet: it ends at once.
 */
function signalQueue() {
  const waiting: Signal[] = [];
  let wake: (() => void) | undefined;
  let isStarting = false;
  const listen = (name: NodeJS.Signals, signal: Signal) =>
    process.on(name, () => {
      if (isStarting && signal === "end") process.exit(0);
      waiting.push(signal);
      wake?.();
    });
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
  return { next, starting };
}

/** The new settings after a SIGHUP, or undefined when the unit is to end. */
async function untilEnd(
  next: () => Promise<Signal>,
  file: string,
  log: Logger,
): Promise<Settings | undefined> {
  for (;;) {
    if ((await next()) === "end") return undefined;
    try {
      return await settingsAside(file);
    } catch (error) {
      log.error({ err: error }, "the new configuration is not used");
    }
  }
}
