import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Failure } from "@busbar/protocol";
import { network } from "./radio.ts";

const root = new URL("../../..", import.meta.url).pathname;

/** A port of this machine that nobody has. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** An aggregator and a scripted meter of this machine, as the card's unit finds them. */
export class Site {
  readonly brokerPort: number;
  readonly meterPort: number;
  readonly home: string;
  readonly #children: readonly ChildProcess[];

  private constructor(
    home: string,
    ports: { broker: number; meter: number },
    children: ChildProcess[],
  ) {
    this.home = home;
    this.brokerPort = ports.broker;
    this.meterPort = ports.meter;
    this.#children = children;
  }

  static async start(scratch: string): Promise<Site> {
    const home = join(scratch, "aggregator");
    const ports = { broker: await freePort(), meter: await freePort() };
    const port = ["--broker-port", String(ports.broker), "--portal-port", String(await freePort())];
    aggregator("init", "--site", "demo", "--home", home, ...port);
    const run = spawn(process.execPath, [join(root, "aggregator/cli.ts"), "run"], {
      cwd: home,
      stdio: ["ignore", "ignore", "inherit"],
    });
    const who = { profile: "eastron-sdm630", serialNumber: "10000001", source: "user.1" };
    const devices = [{ unit: 1, ...who }];
    const bus = { kind: "rtu-over-tcp", host: "127.0.0.1", port: ports.meter, devices };
    const config = join(scratch, "meter.json");
    writeFileSync(config, JSON.stringify({ clock: { kind: "system" }, buses: [bus] }));
    const meters = join(root, "hardware/virtual-site/meters/main.ts");
    const meter = spawn(process.execPath, [meters, "--config", config], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(createInterface(meter.stdout), "line");
    return new Site(home, ports, [run, meter]);
  }

  /** What the installer flashes the card with, beside a file with the unit's configuration. */
  siteYaml(configuration: string): string {
    const membership = join(this.home, "membership.json");
    const wifi = JSON.stringify(network);
    return `hostname: unit-1\nwifi: ${wifi}\nmembership: ${membership}\nconfiguration: ${configuration}\n`;
  }

  /** What setup would have written for the unit. */
  edgeYaml(): string {
    return `site: demo
device: { id: unit-1 }
owner: { id: anna, party: user, name: Anna, key: owner.key }
clock: { kind: system, trust: system }
sampling: { everySeconds: 5 }
batch: { entries: 4, minutes: 1 }
brokers:
  - { url: "mqtt://10.0.2.2:${this.brokerPort}", id: recorder-1, allowPlainText: true }
meters:
  - { id: anna-grid, profile: eastron-sdm630, unit: 1, connection: { kind: rtu, path: /dev/ttyUSB0 } }
`;
  }

  /** A member takes the unit in by the text that the unit shows. */
  admit(request: string, { replace = false }: { readonly replace?: boolean } = {}): void {
    const config = join(this.home, "aggregator.yaml");
    const more = replace ? ["--replace"] : [];
    aggregator("admit", "--config", config, "--request", request, ...more, "--json");
  }

  /** Makes a sheet of labels for units, each given as UNIT=OWNER, in a folder; their codes by unit. */
  labels(folder: string, units: readonly string[]): ReadonlyMap<string, string> {
    const config = join(this.home, "aggregator.yaml");
    aggregator("site", "labels", "--config", config, "--output", folder, ...units);
    const { labels } = JSON.parse(readFileSync(join(folder, "labels.json"), "utf8")) as {
      labels: readonly { readonly device: string; readonly code: string }[];
    };
    return new Map(labels.map(({ device, code }) => [device, code]));
  }

  /** What became of the labels on the ledger, by unit. */
  labelStates(): Readonly<Record<string, string>> {
    const config = join(this.home, "aggregator.yaml");
    const { labels } = JSON.parse(aggregator("site", "list", "--config", config, "--json")) as {
      labels: readonly { readonly device: string; readonly state: string }[];
    };
    return Object.fromEntries(labels.map(({ device, state }) => [device, state]));
  }

  end(): void {
    for (const child of this.#children) if (child.exitCode === null) child.kill("SIGKILL");
  }
}

function aggregator(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "aggregator/cli.ts"), ...args],
    { encoding: "utf8" },
  );
  if (status === 0) return stdout;
  const message = `aggregator ${args.join(" ")}: ${stdout}${stderr}`;
  throw new Failure("boot.site", message, { retry: "never" });
}
