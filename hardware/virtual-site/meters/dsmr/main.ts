import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { Counters } from "../../physics/counters.ts";
import { defaultPlace, makeSite, sources } from "../../physics/site.ts";
import { type DsmrMeterConfig, openDsmrMeter } from "./open.ts";

const usage =
  "usage: node hardware/virtual-site/meters/dsmr/main.ts (--link PATH | --port N [--host H]) [--kind nl|se|nl-2.2] [--source user.1] [--every MS] [--serial TEXT]";

await main();

/** One meter on its own, for a driver to be tried against; ends on SIGTERM, SIGINT or end of stdin. */
async function main(): Promise<void> {
  try {
    const config = readOptions();
    const counters = new Counters(makeSite(1, defaultPlace), Date.UTC(2026, 0, 1));
    const site = { seed: 1, now: () => Date.now(), read: counters.read.bind(counters) };
    const meter = await openDsmrMeter(config, site, end);
    const stop = (): void => void meter.close().then(() => process.exit(0));
    process.once("SIGTERM", stop).once("SIGINT", stop);
    process.stdin.on("end", stop).on("error", stop).resume();
    console.log(JSON.stringify({ event: "ready", at: meter.at }));
  } catch (error) {
    end(error);
  }
}

function end(error: unknown): void {
  console.error(error instanceof Failure ? `dsmr: ${error.message}` : error);
  process.exit(1);
}

function readOptions(): DsmrMeterConfig {
  const { values } = parseArgs({
    options: {
      link: { type: "string" },
      port: { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      kind: { type: "string", default: "nl" },
      source: { type: "string", default: "user.1" },
      every: { type: "string", default: "1000" },
      serial: { type: "string", default: "E0053003812345617" },
    },
  });
  const { link, port, host, serial: serialNumber } = values;
  const kind = (["nl", "se", "nl-2.2"] as const).find((name) => name === values.kind);
  const source = sources.find((name) => name === values.source);
  const everyMs = Number(values.every);
  const one = (link === undefined) !== (port === undefined);
  if (kind === undefined || source === undefined || !(everyMs >= 10) || !one) {
    throw new Failure("cli.usage", usage, { retry: "never" });
  }
  const at =
    link === undefined
      ? ({ kind: "tcp", host, port: Number(port) } as const)
      : ({ kind: "pty", link } as const);
  return { at, kind, source, everyMs, serialNumber };
}
