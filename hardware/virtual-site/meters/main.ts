import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { openSiteClock, type SiteClock } from "@busbar/protocol/node";
import { Counters } from "../physics/counters.ts";
import { makeSite } from "../physics/site.ts";
import { type MeterBus, openBus } from "./bus.ts";
import { type MetersConfig, readConfig } from "./config.ts";
import { parseFaults } from "./faults/faults.ts";
import { onParentGone } from "./parent.ts";

const usage =
  "usage: node hardware/virtual-site/meters/main.ts --config FILE.json [--faults late=0.01,…] [--seed N]";

await main();

async function main(): Promise<void> {
  try {
    const config = await configured();
    const stop = stopSignal();
    const buses = await openAll(config, stop.fail);
    process.on("SIGUSR2", () => {
      for (const { plug } of buses) void plug?.toggle();
    });
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

/** The configuration file; the command line's faults come on top of those of every bus. */
async function configured(): Promise<MetersConfig> {
  const { file, faults, seed } = options();
  const config = await readConfig(file);
  const buses = config.buses.map((bus) => ({ ...bus, faults: { ...bus.faults, ...faults } }));
  return { ...config, buses, seed: seed ?? config.seed };
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        config: { type: "string" },
        faults: { type: "string" },
        seed: { type: "string" },
      },
    });
    if (values.config === undefined) throw new Error("no --config");
    const seed = values.seed === undefined ? undefined : Number(values.seed);
    if (seed !== undefined && !(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
      throw new Error(`--seed ${values.seed}: expected a whole number from 0`);
    }
    const faults = values.faults === undefined ? {} : parseFaults(values.faults);
    return { file: values.config, faults, seed };
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure("cli.usage", `${(cause as Error).message}; ${usage}`, {
      retry: "never",
      cause,
    });
  }
}

/** Opens all buses or none. Meters that are asked before the site's clock has started are busy. */
async function openAll(config: MetersConfig, fail: (error: unknown) => void): Promise<MeterBus[]> {
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
  onParentGone(end);
  return { stopped: promise, fail: resolve };
}

function describe({ buses }: MetersConfig) {
  return ({ at }: MeterBus, index: number) => {
    const bus = buses[index];
    return {
      kind: bus?.kind,
      ...(typeof at === "number" ? { port: at } : { link: at }),
      units: bus?.devices.map(({ unit }) => unit),
    };
  };
}
