import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { Counters } from "../../physics/counters.ts";
import { defaultPlace, makeSite, sources } from "../../physics/site.ts";
import { openSmlMeter, type SmlMeterConfig } from "./open.ts";

const usage =
  "usage: node hardware/virtual-site/meters/sml/main.ts (--link PATH | --port N [--host H]) [--source user.1] [--every MS] [--serial N] [--maker ISK] [--checksum x25|kermit]";

await main();

/** One meter on its own, for a driver to be tried against; ends on SIGTERM, SIGINT or end of stdin. */
async function main(): Promise<void> {
  try {
    const config = readOptions();
    const counters = new Counters(makeSite(1, defaultPlace), Date.UTC(2026, 0, 1));
    const site = { seed: 1, now: () => Date.now(), read: counters.read.bind(counters) };
    const meter = await openSmlMeter(config, site, (failure) => end(failure));
    const stop = (): void => void meter.close().then(() => process.exit(0));
    process.once("SIGTERM", stop).once("SIGINT", stop);
    process.stdin.on("end", stop).on("error", stop).resume();
    console.log(JSON.stringify({ event: "ready", at: meter.at }));
  } catch (error) {
    end(error);
  }
}

function end(error: unknown): void {
  console.error(error instanceof Failure ? `sml: ${error.message}` : error);
  process.exit(1);
}

function readOptions(): SmlMeterConfig {
  const { values } = parseArgs({
    options: {
      link: { type: "string" },
      port: { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      source: { type: "string", default: "user.1" },
      every: { type: "string", default: "1000" },
      serial: { type: "string", default: "12345678" },
      maker: { type: "string", default: "ISK" },
      checksum: { type: "string", default: "x25" },
    },
  });
  const { link, port, host, maker, checksum } = values;
  const source = sources.find((name) => name === values.source);
  const serialNumber = Number(values.serial);
  const everyMs = Number(values.every);
  const fits = /^[A-Z]{3}$/.test(maker) && /^\d{1,8}$/.test(values.serial) && everyMs >= 10;
  if (source === undefined || !fits || (link === undefined) === (port === undefined))
    throw misuse();
  if (checksum !== "x25" && checksum !== "kermit") throw misuse();
  const at =
    link === undefined
      ? ({ kind: "tcp", host, port: Number(port) } as const)
      : ({ kind: "pty", link } as const);
  return { at, source, everyMs, serialNumber, manufacturer: maker, checksum };
}

const misuse = (): Failure => new Failure("cli.usage", usage, { retry: "never" });
