import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { FakeAggregator } from "./fake-aggregator.ts";
import { testSigner } from "./memory-registry.ts";
import { serviceStart } from "./service-unit.ts";

/** The meters of the scene, each a Modbus TCP server of its own. */
export const meters = [
  { id: "grid", profile: "eastron-sdm630", source: "company.net" },
  { id: "sun", profile: "eastron-sdm72d-v2", source: "company.pv" },
  { id: "load", profile: "eastron-sdm72d-v2", source: "user.1" },
] as const;

/** What differs from scene to scene; `everySeconds` and `days` are of the site's time. */
export type SceneOptions = {
  readonly everySeconds: number;
  readonly days?: number;
  /** A file clock that unit and meters share; left out, the system's. */
  readonly clockFile?: string;
};

/** What a process took until now. */
export type Taken = { readonly at: number; readonly cpuSeconds: number };

const page = Number(execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" }));
const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
const device = "unit-1";

/**
 * A unit as the system service runs it, enrolled, with three simulated meters beside it and an
 * aggregator without a ledger in this process.
 */
export class ServiceScene {
  readonly folder = mkdtempSync(join(tmpdir(), "busbar-bench-"));
  readonly host = new FakeAggregator("demo", testSigner(1));
  readonly #options: SceneOptions;
  #site: ChildProcess | undefined;
  #ports: readonly number[] = [];

  private constructor(options: SceneOptions) {
    this.#options = options;
  }

  static async open(options: SceneOptions): Promise<ServiceScene> {
    const scene = new ServiceScene(options);
    try {
      await scene.host.start();
      scene.#ports = await scene.#startMeters();
      scene.#writeMembership();
      const config = join(scene.folder, "edge.yaml");
      writeFileSync(config, JSON.stringify(scene.#config()));
      execFileSync(process.execPath, ["edge/cli.ts", "enrol", "-c", config]);
      const request = JSON.parse(readFileSync(join(scene.folder, "request.json"), "utf8"));
      const key = Buffer.from(request.device.key, "base64url");
      scene.host.devices.set(device, new Uint8Array(key));
      return scene;
    } catch (error) {
      await scene.close();
      throw error;
    }
  }

  /** The unit's data folder. */
  get data(): string {
    return join(this.folder, "data");
  }

  /** Starts the unit once, unknown to the broker and with another data folder, so that later starts
   * find their code compiled, as all but the very first do. */
  async warm(): Promise<void> {
    const { devices } = this.host;
    const known = new Map(devices);
    devices.clear();
    const unit = await this.start({ ...this.#config(), data: "warm" });
    const login = once(this.host, "login");
    await login;
    await unit.stop();
    for (const [id, key] of known) devices.set(id, key);
  }

  /** Starts the unit; it is ready when this resolves. */
  async start(settings: object = this.#config()): Promise<ServiceProcess> {
    const { nodeArgs, program, env } = serviceStart();
    const cache = join(this.folder, "cache");
    mkdirSync(cache, { recursive: true });
    const config = join(this.folder, "edge.yaml");
    // JSON is YAML.
    writeFileSync(config, JSON.stringify(settings));
    const child = spawn(process.execPath, [...nodeArgs, program, "run", "-c", config], {
      env: { ...process.env, ...env, NODE_COMPILE_CACHE: cache },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { statusPort } = JSON.parse(await ready(child));
    return new ServiceProcess(child, statusPort);
  }

  async close(): Promise<void> {
    this.#site?.kill("SIGTERM");
    await this.host.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #startMeters(): Promise<number[]> {
    const { clockFile } = this.#options;
    const clock = clockFile === undefined ? { kind: "system" } : { kind: "file", path: clockFile };
    const buses = meters.map(({ profile, source }, i) => {
      const devices = [{ unit: 1, profile, source, serialNumber: `1000000${i}` }];
      return { kind: "tcp", port: 0, devices };
    });
    const file = join(this.folder, "meters.json");
    writeFileSync(file, JSON.stringify({ clock, seed: 1, buses }));
    const program = "hardware/virtual-site/meters/main.ts";
    this.#site = spawn(process.execPath, [program, "--config", file], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const opened = JSON.parse(await ready(this.#site)) as { buses: { port: number }[] };
    return opened.buses.map(({ port }) => port);
  }

  #writeMembership(): void {
    const { chain, url, membership } = this.host;
    const members = membership.members.map((member) => ({
      ...member,
      key: Buffer.from(member.key).toString("base64url"),
    }));
    const file = join(this.folder, "membership.json");
    writeFileSync(file, JSON.stringify({ chain, site: chain, members, brokers: [url] }));
  }

  #config() {
    const { everySeconds, days = 40, clockFile } = this.#options;
    return {
      site: this.host.chain,
      device: { id: device },
      owner: { id: "anna", name: "Anna", key: "owner.key" },
      ...(clockFile === undefined ? {} : { clock: { kind: "file", path: clockFile } }),
      status: { port: 0 },
      retention: { days },
      sampling: { everySeconds },
      log: process.env.BUSBAR_LOG ?? "error",
      agent: { enabled: true, limits: { bidWhMax: 20_000, bidMicroPerKwhMax: 650_000 } },
      meters: meters.map(({ id, profile }, i) => {
        const connection = { kind: "tcp", host: "127.0.0.1", port: this.#ports[i] };
        return { id, profile, connection };
      }),
    };
  }
}

/** A unit's process, looked at from outside. */
export class ServiceProcess {
  readonly #child: ChildProcess;
  readonly #pid: number;
  readonly #statusPort: number;

  constructor(child: ChildProcess, statusPort: number) {
    if (child.pid === undefined) throw new Error("the unit has no process");
    this.#child = child;
    this.#pid = child.pid;
    this.#statusPort = statusPort;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** MB of 10⁶ bytes, as `ps` and systemd count a process: shared pages of Node's binary included. */
  residentMb(): number {
    const pages = Number(readFileSync(`/proc/${this.#pid}/statm`, "utf8").split(" ")[1]);
    return (pages * page) / 1e6;
  }

  /** User and system time so far (proc(5): fields 14 and 15 of `stat`). */
  cpuSeconds(): number {
    const text = readFileSync(`/proc/${this.#pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  /** The sum of one of the unit's metrics, over all of its labels. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.#statusPort}/metrics`)).text();
    const samples = text.matchAll(new RegExp(`^busbar_edge_${name}(?:\\{.*\\})? (\\S+)$`, "gm"));
    return [...samples].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  async stop(): Promise<void> {
    if (this.running && this.#child.kill("SIGTERM")) await once(this.#child, "exit");
  }
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

/** The middle one of some figures. */
export function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;
}
