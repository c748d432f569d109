/** `npm run bench -- unit`: memory and CPU of a unit as the system service runs it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { FakeAggregator } from "../support/fake-aggregator.ts";
import { testSigner } from "../support/memory-registry.ts";
import { program } from "../support/programs.ts";
import { serviceStart } from "../support/service-unit.ts";

export const name = "unit";
export const title =
  "Edge unit: three meters on one RS-485 line, read once a second, as the service";

const warmUpSeconds = 20;
const seconds = 40;
const limits = { residentMb: 90, cpuPercent: 3 };
/** Of 3; below it the machine is too busy for the figures to mean anything. */
const readingsMin = 2.8;
const meters = [
  { id: "grid", profile: "eastron-sdm630", unit: 1, source: "company.net" },
  { id: "sun", profile: "eastron-sdm72d-v2", unit: 2, source: "company.pv" },
  { id: "load", profile: "eastron-sdm72d-v2", unit: 3, source: "user.1" },
] as const;
const page = Number(execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" }));
const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

export async function run(): Promise<void> {
  const socat = program("socat", "socat");
  if ("skip" in socat) return console.log(`  ${socat.skip}`);
  const folder = mkdtempSync(join(tmpdir(), "busbar-bench-unit-"));
  const host = new FakeAggregator("demo", testSigner(1));
  await host.start();
  const site = start("hardware/virtual-site/meters/main.ts", ["--config", writeMeters(folder)]);
  try {
    await ready(site);
    writeUnit(folder, host);
    execFileSync(process.execPath, ["edge/cli.ts", "enrol", "-c", join(folder, "edge.yaml")]);
    const request = JSON.parse(readFileSync(join(folder, "request.json"), "utf8"));
    host.devices.set("unit-1", new Uint8Array(Buffer.from(request.device.key, "base64url")));
    await measure("first start", folder, host);
    await measure("later starts", folder, host);
  } finally {
    site.kill("SIGTERM");
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One start of the service, with an empty compile cache or with what the one before left there. */
async function measure(what: string, folder: string, host: FakeAggregator): Promise<void> {
  const { nodeArgs, program: cli, env } = serviceStart();
  const cache = join(folder, "cache");
  mkdirSync(cache, { recursive: true });
  const unit = spawn(process.execPath, [...nodeArgs, cli, "run", "-c", join(folder, "edge.yaml")], {
    env: { ...process.env, ...env, NODE_COMPILE_CACHE: cache },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const { statusPort } = JSON.parse(await ready(unit));
    const pid = unit.pid ?? 0;
    await sleep(warmUpSeconds * 1000);
    const taken = await readings(statusPort);
    const before = { cpu: cpuSeconds(pid), at: performance.now() };
    const resident: number[] = [];
    while (performance.now() - before.at < seconds * 1000) {
      resident.push(residentMb(pid));
      await sleep(1000);
    }
    const wall = (performance.now() - before.at) / 1000;
    const cpu = (100 * (cpuSeconds(pid) - before.cpu)) / wall;
    const rate = ((await readings(statusPort)) - taken) / wall;
    report(what, { resident, cpu, rate, receipts: committed(host) });
  } finally {
    if (unit.kill("SIGTERM")) await once(unit, "exit");
  }
}

function report(
  what: string,
  {
    resident,
    cpu,
    rate,
    receipts,
  }: {
    readonly resident: number[];
    readonly cpu: number;
    readonly rate: number;
    readonly receipts: number;
  },
): void {
  resident.sort((a, b) => a - b);
  const median = resident[resident.length >> 1] ?? Number.NaN;
  const most = resident.at(-1) ?? Number.NaN;
  console.log(`  ${what}: ${rate.toFixed(2)} readings/s, ${receipts} with receipt so far`);
  console.log(
    `    resident  ${median.toFixed(1)} MB median, ${most.toFixed(1)} MB most (limit ${limits.residentMb} MB)`,
  );
  console.log(`    CPU       ${cpu.toFixed(2)} % of a core (limit ${limits.cpuPercent} %)`);
  if (rate < readingsMin)
    console.log("    fewer readings than asked for: this machine was too busy");
  if (most > limits.residentMb || cpu > limits.cpuPercent || rate < readingsMin)
    process.exitCode = 1;
}

/** Readings in the journal since the unit was started. */
async function readings(statusPort: number): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text();
  const counts = [...metrics.matchAll(/^busbar_edge_readings_total\{.*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

const committed = (host: FakeAggregator) =>
  meters.reduce((sum, { id }) => sum + host.committed(id), 0);

/** MB of 10⁶ bytes, as `ps` and systemd count a process: shared pages of Node's binary included. */
function residentMb(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return (pages * page) / 1e6;
}

/** User and system time of a process so far (proc(5): fields 14 and 15 of `stat`). */
function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function start(file: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [file, ...args], { stdio: ["pipe", "pipe", "inherit"] });
}

/** Waits for a program's first line. Throws when it ends before. */
async function ready(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("no output to wait for");
  const ended = once(child, "exit").then(() => {
    throw new Error("the program ended before it was ready");
  });
  ended.catch(() => {});
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    ended,
  ]);
  return String(line);
}

function writeMeters(folder: string): string {
  const devices = meters.map(({ id, ...meter }) => ({
    ...meter,
    serialNumber: `1000000${meter.unit}`,
  }));
  const bus = { kind: "rtu", baud: 19_200, link: join(folder, "tty"), devices };
  const file = join(folder, "meters.json");
  writeFileSync(file, JSON.stringify({ clock: { kind: "system" }, seed: 1, buses: [bus] }));
  return file;
}

function writeUnit(folder: string, host: FakeAggregator): void {
  const members = host.membership.members.map((member) => ({
    ...member,
    key: Buffer.from(member.key).toString("base64url"),
  }));
  const membership = { chain: host.chain, site: host.chain, members, brokers: [host.url] };
  writeFileSync(join(folder, "membership.json"), JSON.stringify(membership));
  const rows = meters.map(
    ({ id, profile, unit }) =>
      `  - { id: ${id}, profile: ${profile}, unit: ${unit}, connection: { kind: rtu, baud: 19200, path: ${join(folder, "tty")} } }`,
  );
  writeFileSync(
    join(folder, "edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: anna, name: Anna, key: owner.key }
status: { port: 0 }
sampling: { everySeconds: 1 }
log: warn
agent: { enabled: true, limits: { bidWhMax: 20000, bidMicroPerKwhMax: 650000 } }
meters:
${rows.join("\n")}
`,
  );
}
