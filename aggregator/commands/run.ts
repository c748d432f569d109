import { Failure } from "@busbar/protocol";
import { cutFromSmallSlabs } from "@busbar/protocol/node";
import { type Logger, pino } from "pino";
import { loadConfig } from "../config/load.ts";
import { type StartOptions, startAggregator } from "../main.ts";
import { WorkerGroup } from "./worker-group.ts";

/** Runs the aggregator of a configuration file until a signal; says `ready` on standard output. */
export async function run(path: string, options: StartOptions = {}): Promise<void> {
  cutFromSmallSlabs();
  const config = loadConfig(path);
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ fd: 2, sync: true }));
  endOnFailure(log);
  const stopped = signalled();
  const aggregator = await Promise.race([startAggregator(config, log, options), stopped]);
  if (typeof aggregator === "string") {
    // Whatever it was still opening is as safe as if the power had gone.
    log.info({ event: "stopped", signal: aggregator, before: "ready" });
    return process.exit(0);
  }
  const { brokerPort, portal, height } = aggregator;
  console.log(JSON.stringify({ event: "ready", broker: brokerPort, portal, height }));
  const { external } = config.broker;
  const workers =
    external === undefined
      ? undefined
      : new WorkerGroup({ config: path, brokerPort, count: external.workers, log });
  const signal = await stopped;
  log.info({ event: "stopping", signal });
  await workers?.stop();
  await aggregator.stop();
  log.info({ event: "stopped" });
}

/** What a block could not be made for ends the process: the disk holds all that counts. */
function endOnFailure(log: Logger): void {
  process.once("uncaughtException", (error) => {
    if (!(error instanceof Failure)) throw error;
    log.fatal({ event: "failed", code: error.code, message: error.message });
    process.exit(1);
  });
}

function signalled(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });
}
