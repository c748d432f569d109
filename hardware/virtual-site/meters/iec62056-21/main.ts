import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { Counters } from "../../physics/counters.ts";
import { defaultPlace, makeSite, sources } from "../../physics/site.ts";
import { type IecMeterConfig, openIecMeter } from "./open.ts";

const usage =
  "usage: node hardware/virtual-site/meters/iec62056-21/main.ts (--link PATH | --port N [--host H]) [--mode A|B|C|D] [--no-parity] [--source user.1] [--every MS] [--reaction MS] [--serial N]";

await main();

/** One meter on its own, for a driver to be tried against; ends on SIGTERM, SIGINT or end of stdin. */
async function main(): Promise<void> {
  try {
    const config = readOptions();
    const counters = new Counters(makeSite(1, defaultPlace), Date.UTC(2026, 0, 1));
    const site = { seed: 1, now: () => Date.now(), read: counters.read.bind(counters) };
    const meter = await openIecMeter(config, site, end);
    const stop = (): void => void meter.close().then(() => process.exit(0));
    process.once("SIGTERM", stop).once("SIGINT", stop);
    process.stdin.on("end", stop).on("error", stop).resume();
    console.log(JSON.stringify({ event: "ready", at: meter.at }));
  } catch (error) {
    end(error);
  }
}

function end(error: unknown): void {
  console.error(error instanceof Failure ? `iec62056-21: ${error.message}` : error);
  process.exit(1);
}

function readOptions(): IecMeterConfig {
  const { values } = parseArgs({
    options: {
      link: { type: "string" },
      port: { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      mode: { type: "string", default: "C" },
      "no-parity": { type: "boolean", default: false },
      source: { type: "string", default: "user.1" },
      every: { type: "string", default: "2000" },
      reaction: { type: "string", default: "200" },
      serial: { type: "string", default: "10067967" },
    },
  });
  const { link, port, host, serial: serialNumber } = values;
  const mode = (["A", "B", "C", "D"] as const).find((name) => name === values.mode);
  const source = sources.find((name) => name === values.source);
  const [everyMs, reactionMs] = [Number(values.every), Number(values.reaction)];
  const one = (link === undefined) !== (port === undefined);
  if (
    mode === undefined ||
    source === undefined ||
    !(everyMs >= 10) ||
    !(reactionMs >= 0) ||
    !one
  ) {
    throw new Failure("cli.usage", usage, { retry: "never" });
  }
  const at =
    link === undefined
      ? ({ kind: "tcp", host, port: Number(port) } as const)
      : ({ kind: "pty", link } as const);
  return { at, mode, source, everyMs, reactionMs, serialNumber, parity: !values["no-parity"] };
}
