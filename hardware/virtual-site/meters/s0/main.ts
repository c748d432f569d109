import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { misuse, runAlone } from "../alone.ts";
import type { OpenBus } from "../listen.ts";

const usage =
  "usage: node hardware/virtual-site/meters/s0/main.ts --folder PATH [--pulses-per-kwh 1000] [--watts 3000] [--gpiomon 1.6.3|2.2.1]";

/** IEC 62053-31: a pulse lasts 30 ms at least, and so does the pause behind it. */
const pulseMs = 40;

/**
 * One pulse output on its own. There is no GPIO chip: the folder gets a program `gpiomon` that stands
 * in for libgpiod's; a unit uses it when the folder comes first in its PATH.
 */
await runAlone("s0", () => openPulses(readOptions()));

type PulseOptions = {
  readonly folder: string;
  readonly pulsesPerKwh: number;
  readonly watts: number;
  readonly version: string;
};

function readOptions(): PulseOptions {
  const { values } = parseArgs({
    options: {
      folder: { type: "string" },
      "pulses-per-kwh": { type: "string", default: "1000" },
      watts: { type: "string", default: "3000" },
      gpiomon: { type: "string", default: "1.6.3" },
    },
  });
  const { folder, gpiomon: version } = values;
  const [pulsesPerKwh, watts] = [Number(values["pulses-per-kwh"]), Number(values.watts)];
  const fits = pulsesPerKwh > 0 && watts > 0 && /^[12]\.\d+(\.\d+)?$/.test(version);
  if (folder === undefined || !fits) throw misuse(usage);
  return { folder: resolve(folder), pulsesPerKwh, watts, version };
}

async function openPulses(options: PulseOptions): Promise<OpenBus> {
  const { folder, pulsesPerKwh, watts, version } = options;
  const everyMs = 3.6e9 / (pulsesPerKwh * watts);
  if (everyMs < 2 * pulseMs) {
    const message = `${watts} W at ${pulsesPerKwh} pulses/kWh is a pulse every ${everyMs.toFixed(1)} ms; no meter sends them closer than ${2 * pulseMs} ms`;
    throw new Failure("s0.too-fast", message, { retry: "never" });
  }
  const socket = join(folder, "wire");
  writeProgram(folder, { socket, version });
  const listeners = new Set<Socket>();
  const server = createServer((listener) => {
    const forget = () => void listeners.delete(listener);
    listener
      .on("close", forget)
      .on("error", () => listener.destroy())
      .resume();
    // The kernel gives a line to one program at a time.
    if (listeners.size > 0) listener.end();
    else listeners.add(listener);
  });
  // Of a run that was killed.
  rmSync(socket, { force: true });
  await new Promise<void>((opened, failed) => {
    server.once("error", failed);
    server.listen(socket, opened);
  });
  const tell = (level: 0 | 1) => {
    const us = Math.round(performance.now() * 1000);
    for (const listener of listeners) listener.write(`${level} ${us}\n`);
  };
  // A closed contact pulls the line to ground.
  const timer = setInterval(() => {
    tell(0);
    setTimeout(() => tell(1), pulseMs);
  }, everyMs);
  return {
    at: folder,
    close: async () => {
      clearInterval(timer);
      for (const listener of listeners) listener.destroy();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}

function writeProgram(
  folder: string,
  { socket, version }: { readonly socket: string; readonly version: string },
): void {
  mkdirSync(folder, { recursive: true });
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const standIn = quoted(join(import.meta.dirname, "gpiomon.ts"));
  const environment = `GPIOMON_SOCKET=${quoted(socket)} GPIOMON_VERSION=${version}`;
  const program = join(folder, "gpiomon");
  const run = `exec ${quoted(process.execPath)} ${standIn} "$@"`;
  writeFileSync(program, `#!/bin/sh\n${environment} ${run}\n`);
  chmodSync(program, 0o755);
}
