import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utcMs } from "@busbar/protocol";
import { BusPool } from "../../edge/framing/bus-pool.ts";
import { withCrc } from "../../edge/framing/modbus/crc16.ts";
import { SerialLine } from "../../edge/framing/serial-line.ts";
import { openMeter } from "../../edge/meters/meter.ts";
import { loadProfile, type ModbusProfile, profileFolder } from "../../edge/meters/profile.ts";
import { busyMsPerCycle } from "../support/dead-neighbour.ts";
import { program } from "../support/programs.ts";
import { everyFault, readsUnderFaults, ways } from "../support/reads-under-faults.ts";
import { programs, ready, start } from "../support/virtual-site.ts";

export const name = "bus";
export const title = "Bus: an SDM630 in few requests, 10⁵ reads under faults, a dead neighbour";

const limits = { requests: 3, ms: 450 };
const rounds = 9;
const reads = 100_000;

export async function run(): Promise<void> {
  await wholeMeter();
  await faultyReads();
  await deadNeighbour();
}

/** A real terminal, a real process that answers at the pace of 9600 baud; the machine's clock. */
async function wholeMeter(): Promise<void> {
  const socat = program("socat", "socat");
  if ("skip" in socat) return console.log(`  ${socat.skip}`);
  const folder = mkdtempSync(join(tmpdir(), "busbar-bench-bus-"));
  const link = join(folder, "tty");
  const device = { unit: 1, profile: "eastron-sdm630", serialNumber: 1, source: "user.1" };
  const bus = { kind: "rtu", link, baud: 9600, turnaroundMs: 20, devices: [device] };
  const config = join(folder, "meters.json");
  writeFileSync(config, JSON.stringify({ clock: { kind: "system" }, buses: [bus] }));
  const meters = start(programs.meters, ["--config", config]);
  try {
    await ready(meters);
    const profile = valuesOfMbmd();
    const blocks = await byBlocks(link, profile);
    const values = profile.registers.length;
    console.log(
      `  SDM630, ${values} values, 9600 baud, 20 ms turnaround; a pty, medians of ${rounds}`,
    );
    console.log(
      `    in blocks       ${blocks.requests} requests   ${Math.round(blocks.ms)} ms (limit ${limits.requests}, ${limits.ms} ms)`,
    );
    const single = await oneByOne(link, profile);
    console.log(`    one by one      ${values} requests ${Math.round(single)} ms (at best)`);
    if (blocks.requests > limits.requests || blocks.ms > limits.ms) process.exitCode = 1;
  } finally {
    meters.process.kill("SIGTERM");
    await meters.ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The values that mbmd reads, by the comments of the profile. */
function valuesOfMbmd(): ModbusProfile {
  const file = new URL("eastron-sdm630.yaml", profileFolder);
  const profile = loadProfile(file);
  if (profile.protocol !== "modbus") throw new Error("the SDM630 speaks Modbus");
  const text = readFileSync(file, "utf8");
  const rows = text.matchAll(
    /address: (0x[0-9A-F]{4}), type: f32|address: (0x[0-9A-F]{4}),\s+type: f32/g,
  );
  const addresses = new Set<number>();
  for (const row of rows) {
    const comment = text.slice(row.index).match(/#.*/)?.[0] ?? "";
    if (comment.includes("mbmd")) addresses.add(Number(row[1] ?? row[2]));
  }
  const registers = profile.registers.filter(({ address }) => addresses.has(address));
  return { ...profile, registers };
}

async function byBlocks(link: string, profile: ModbusProfile) {
  const bus = new BusPool();
  const connection = { kind: "rtu", path: link } as const;
  const meter = openMeter({ profile, connection, unit: 1, clock: () => utcMs(Date.now()), bus });
  const requests = () => bus.counters().get(link)?.requests ?? 0;
  // The turnaround is learned from the first answers.
  for (let i = 0; i < 3; i += 1) await meter.read();
  const counts: number[] = [];
  const ms = await median(async () => {
    const before = requests();
    const { unknown } = await meter.read();
    if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(", ")}`);
    counts.push(requests() - before);
  });
  await meter.close();
  return { requests: middle(counts), ms };
}

/** Nothing between the requests but the meter: what a reader without blocks takes at best. */
async function oneByOne(link: string, { registers }: ModbusProfile): Promise<number> {
  const line = new SerialLine(link, { baud: 9600, parity: "none", stopBits: 1 });
  let received = 0;
  let arrived = () => {};
  await line.open({
    data: (bytes) => {
      received += bytes.length;
      if (received >= replyBytes) arrived();
    },
    lost: (cause) => {
      throw cause;
    },
  });
  const ms = await median(async () => {
    for (const { address } of registers) {
      received = 0;
      const answered = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      line.write(withCrc(Uint8Array.of(1, 4, address >>> 8, address & 0xff, 0, 2)));
      await answered;
    }
  });
  await line.close();
  return ms;
}

/** A reply to two registers. */
const replyBytes = 9;

/** The median time of some rounds, ms; a pause between them, as between polls. */
async function median(work: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const from = performance.now();
    await work();
    times.push(performance.now() - from);
  }
  return middle(times);
}

const middle = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;

/** On a virtual clock: what takes hours on a line takes seconds here. */
async function faultyReads(): Promise<void> {
  console.log(`  ${reads} reads each, every fault at once (virtual clock)`);
  for (const way of ways) {
    const outcome = await readsUnderFaults({ way, reads, seed: 1, faults: everyFault });
    const { right, wrong, refused, failed, counters, lineMs } = outcome;
    const lost = [...failed.values()].reduce((sum, count) => sum + count, 0);
    console.log(
      `    ${way.padEnd(14)}  ${wrong.length} wrong, ${right} right, ${refused} refused, ${lost} without an answer; ${(lineMs / 3_600_000).toFixed(1)} h on the line`,
    );
    const { late, repeated, unexpected, foreign, noiseBytes, lost: unplugged } = counters;
    console.log(
      `                    discarded: ${late} late, ${repeated} repeated, ${unexpected} unexpected, ${foreign} other master's, ${noiseBytes} bytes of noise; ${unplugged} times unplugged`,
    );
    for (const text of wrong) console.log(`    wrong: ${text}`);
    if (wrong.length > 0) process.exitCode = 1;
  }
}

async function deadNeighbour(): Promise<void> {
  const hours = 2;
  console.log(`  Two live SDM630 and a dead one, 9600 baud, each 10 s, ${hours} h (virtual clock)`);
  const alone = await busyMsPerCycle({ hours, dead: false });
  const beside = await busyMsPerCycle({ hours, dead: true });
  console.log(
    `    without it      ${alone.mean.toFixed(0)} ms a cycle, ${alone.most.toFixed(0)} ms at most`,
  );
  console.log(
    `    beside it       ${beside.mean.toFixed(0)} ms a cycle, ${beside.most.toFixed(0)} ms at most`,
  );
  const added = beside.mean - alone.mean;
  console.log(
    `    added           ${added.toFixed(1)} ms a cycle; the dead one was tried ${beside.tries} times in ${beside.cycles} cycles`,
  );
}
