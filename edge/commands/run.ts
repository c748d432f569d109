import { type Logger, pino } from "pino";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { startUnit } from "../main.ts";

/**
 * Runs the unit until SIGTERM or SIGINT. SIGHUP starts it anew with the configuration as it is now;
 * one that does not parse changes nothing.
 */
export async function runCommand(file: string): Promise<void> {
  let config = loadConfig(file);
  const log: Logger = pino(
    { level: config.log, base: null },
    pino.destination({ dest: 2, sync: true }),
  );
  const next = signalQueue();
  for (;;) {
    const unit = await startUnit(config, log);
    const ready = { event: "ready", device: config.device.id, statusPort: unit.statusPort };
    process.stdout.write(`${JSON.stringify(ready)}\n`);
    const reloaded = await untilEnd(next, file, log);
    log.info({ reload: reloaded !== undefined }, "stopping");
    await unit.stop();
    if (reloaded === undefined) break;
    config = reloaded;
  }
  // The log is synchronous and every store is closed: nothing is left that a timer could still do.
  process.exit(process.exitCode ?? 0);
}

type Signal = "end" | "reload";

/** Signals as they come, none lost between two waits. */
function signalQueue(): () => Promise<Signal> {
  const waiting: Signal[] = [];
  let wake: (() => void) | undefined;
  const listen = (name: NodeJS.Signals, signal: Signal) =>
    process.on(name, () => {
      waiting.push(signal);
      wake?.();
    });
  listen("SIGTERM", "end");
  listen("SIGINT", "end");
  listen("SIGHUP", "reload");
  return async () => {
    if (waiting.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return waiting.includes("end") ? "end" : (waiting.shift() ?? "end");
  };
}

/** The new configuration after a SIGHUP, or undefined when the unit is to end. */
async function untilEnd(
  next: () => Promise<Signal>,
  file: string,
  log: Logger,
): Promise<LoadedConfig | undefined> {
  for (;;) {
    if ((await next()) === "end") return undefined;
    try {
      return loadConfig(file);
    } catch (error) {
      log.error({ err: error }, "the new configuration is not used");
    }
  }
}
