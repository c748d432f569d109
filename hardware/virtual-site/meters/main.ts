import { fstatSync } from "node:fs";
import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { openSiteClock, type SiteClock } from "@busbar/protocol/node";
import { Counters } from "../physics/counters.ts";
import { makeSite } from "../physics/site.ts";
import { openBus } from "./bus.ts";
import { type MetersConfig, readConfig } from "./config.ts";
import type { OpenBus } from "./listen.ts";

const usage = "usage: node hardware/virtual-site/meters/main.ts --config FILE.json";

await main();

async function main(): Promise<void> {
  try {
    const config = await readConfig(configFile());
    const stop = stopSignal();
    const buses = await openAll(config, stop.fail);
    console.log(JSON.stringify({ event: "ready", buses: buses.map(describe(config)) }));
    const failure = await stop.stopped;
    await Promise.all(buses.map((bus) => bus.close()));
    if (failure !== undefined) throw failure;
    process.exit(0);
  } catch (error) {
    // The world's and the configuration's faults are one line each; a fault of ours keeps its stack.
    console.error(error instanceof Failure ? `meters: ${error.message}` : error);
    process.exit(1);
  }
}

function configFile(): string {
  try {
    const { values } = parseArgs({ options: { config: { type: "string" } } });
    if (values.config !== undefined) return values.config;
    throw new Error("no --config");
  } catch (cause) {
    throw new Failure("cli.usage", `${(cause as Error).message}; ${usage}`, {
      retry: "never",
      cause,
    });
  }
}

/** Opens all buses or none. Meters that are asked before the site's clock has started are busy. */
async function openAll(config: MetersConfig, fail: (error: unknown) => void): Promise<OpenBus[]> {
  const { seed, place, commissionedMs } = config;
  const counters = new Counters(makeSite(seed, place), commissionedMs);
  let clock: SiteClock | undefined;
  openSiteClock(config.clock).then((opened) => {
    const now = opened.now();
    if (now < commissionedMs) return fail(tooEarly(now, commissionedMs));
    // Sums up the time since commissioning now, so that the first reading is as quick as any.
    counters.read("bureau.exchange", now);
    clock = opened;
  }, fail);
  const site = {
    seed,
    now: () => clock?.now(),
    read: counters.read.bind(counters),
  };
  const results = await Promise.allSettled(config.buses.map((bus) => openBus(bus, site, fail)));
  const opened = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const broken = results.find((result) => result.status === "rejected");
  if (broken === undefined) return opened;
  await Promise.all(opened.map((bus) => bus.close()));
  throw broken.reason;
}

function tooEarly(nowMs: number, commissionedMs: number): Failure {
  const [now, from] = [nowMs, commissionedMs].map((at) => new Date(at).toISOString());
  return new Failure(
    "site.before-commissioning",
    `site time ${now} lies before the meters' commissioning ${from}: set commissionedMs to an earlier hour`,
    { retry: "never" },
  );
}

/** Resolves on a signal, when the parent that holds the other end of stdin goes away, or on a failure. */
function stopSignal(): { stopped: Promise<unknown>; fail: (error: unknown) => void } {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const end = (): void => resolve(undefined);
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
  const stdin = fstatSync(0);
  if (stdin.isFIFO() || stdin.isSocket()) {
    process.stdin.on("end", end).on("error", end).resume();
  }
  return { stopped: promise, fail: resolve };
}

function describe({ buses }: MetersConfig) {
  return ({ at }: OpenBus, index: number) => {
    const bus = buses[index];
    return {
      kind: bus?.kind,
      ...(typeof at === "number" ? { port: at } : { link: at }),
      units: bus?.devices.map(({ unit }) => unit),
    };
  };
}
