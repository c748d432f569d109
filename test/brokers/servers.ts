import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../support/virtual-site.ts";
import { pathOf } from "./programs.ts";

export const brokerKinds = ["mosquitto", "nats", "nats-cluster", "rabbitmq"] as const;
export type BrokerKind = (typeof brokerKinds)[number];

/** As `broker-files` calls it. */
export const filesOf = (kind: BrokerKind) => (kind === "nats-cluster" ? "nats" : kind);

type Place = {
  /** Where `broker-files` wrote, and where each node keeps its data. */
  readonly files: string;
  readonly data: string;
  /** First of as many free ports as a kind needs. */
  readonly port: number;
};

type Command = {
  readonly args: readonly [program: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
};

/** How long a broker may take to come up; RabbitMQ is the slowest. */
const upMsMax = 180_000;

/** The nodes of a broker, each a process with a disk, which may be killed and started again. */
export class BrokerServer {
  readonly kind: BrokerKind;
  readonly urls: readonly string[];
  readonly #commands: readonly Command[];
  readonly #ports: readonly number[];
  readonly #running = new Map<number, ChildProcess>();
  readonly #besides: ChildProcess[] = [];
  /** A node that ends is started again, as a service manager does. */
  revives = false;
  #log = "";

  constructor(kind: BrokerKind, place: Place) {
    this.kind = kind;
    this.#ports = portsOf(kind, place.port);
    this.urls = this.#ports.map((port) => `mqtt://127.0.0.1:${port}`);
    if (kind === "rabbitmq") {
      const epmd = ["-port", `${place.port + 3}`, "-address", "127.0.0.1"];
      this.#besides.push(spawn(pathOf("epmd"), epmd, { stdio: "ignore" }));
    }
    this.#commands = commandsOf(kind, place);
  }

  get log(): string {
    return this.#log;
  }

  get nodes(): number {
    return this.#commands.length;
  }

  /** Process group of a node. */
  pid(node: number): number {
    return this.#running.get(node)?.pid ?? 0;
  }

  async startAll(): Promise<void> {
    // A cluster answers nobody before a majority of it is there.
    await Promise.all(this.#commands.map((_, node) => this.start(node)));
  }

  /** Resolves when it accepts connections at its MQTT port. */
  async start(node: number): Promise<void> {
    const command = this.#commands[node];
    if (command === undefined) throw new Error(`no node ${node}`);
    const [program, ...args] = command.args;
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...command.env },
      // A group of its own: RabbitMQ is a shell with the broker as its child.
      detached: true,
    });
    this.#running.set(node, child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#log = `${this.#log}${text}`.slice(-200_000);
      });
    }
    child.once("exit", () => {
      if (this.#running.get(node) !== child) return;
      this.#running.delete(node);
      if (this.revives) this.start(node).catch(() => {});
    });
    await until(
      `${this.kind} accepts connections`,
      async () => {
        if (child.exitCode !== null) throw new Error(`${this.kind} ended:\n${this.#log}`);
        return (await accepts(this.#ports[node] ?? 0)) || undefined;
      },
      upMsMax,
    );
  }

  /** Ends a node without a chance to save or to say good-bye. */
  async kill(node: number): Promise<void> {
    const child = this.#running.get(node);
    if (child?.pid === undefined) return;
    this.#running.delete(node);
    const ended = child.exitCode === null && child.signalCode === null ? once(child, "exit") : [];
    killGroup(child.pid);
    await ended;
    // Who had the port may still be ending.
    while (await accepts(this.#ports[node] ?? 0)) await sleep(20);
  }

  async end(): Promise<void> {
    this.revives = false;
    for (const node of [...this.#running.keys()]) await this.kill(node);
    for (const child of this.#besides) child.kill("SIGKILL");
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // Gone by itself in between.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** MQTT ports of the nodes; the ports between them are for what else they listen on. */
function portsOf(kind: BrokerKind, port: number): readonly number[] {
  return kind === "nats-cluster" ? [port, port + 1, port + 2] : [port];
}

function commandsOf(kind: BrokerKind, place: Place): readonly Command[] {
  switch (kind) {
    case "mosquitto": {
      // Started by root it becomes another user, who may not read here.
      const text = readFileSync(join(place.files, "mosquitto.conf"), "utf8");
      const file = join(place.data, "mosquitto.conf");
      writeFileSync(file, `${text}user ${userInfo().username}\n`);
      return [{ args: [pathOf("mosquitto"), "-c", file] }];
    }
    case "nats":
      return [natsNode(place, 0, 1)];
    case "nats-cluster":
      return [0, 1, 2].map((node) => natsNode(place, node, 3));
    case "rabbitmq":
      return [rabbitmq(place)];
    default:
      return kind satisfies never;
  }
}

/** The generated file with the node's own name and ports, and the lines that make a cluster of it. */
function natsNode({ files, data, port }: Place, node: number, of: number): Command {
  const store = join(data, `node-${node}`);
  mkdirSync(store, { recursive: true });
  const clients = port + 6 + node;
  const links = port + 9;
  const routes = Array.from({ length: of }, (_, n) => `nats://127.0.0.1:${links + n}`);
  const cluster =
    of === 1
      ? ""
      : `cluster { name: busbar, listen: "127.0.0.1:${links + node}", routes: [${routes.join(", ")}] }\n`;
  const text = readFileSync(join(files, "nats.conf"), "utf8")
    .replace("server_name: busbar", `server_name: busbar-${node}`)
    .replace(/^port: 4222$/m, `port: ${clients}`)
    .replace(`  port: ${port}\n`, `  port: ${port + node}\n`)
    .replace(/store_dir: "[^"]*"/, `store_dir: ${JSON.stringify(store)}`);
  const file = join(data, `nats-${node}.conf`);
  writeFileSync(file, text + cluster);
  return { args: [pathOf("nats"), "-c", file] };
}

function rabbitmq({ files, data, port }: Place): Command {
  const text = readFileSync(join(files, "rabbitmq.conf"), "utf8").replace(
    "127.0.0.1:5672",
    `127.0.0.1:${port + 1}`,
  );
  const file = join(data, "rabbitmq.conf");
  writeFileSync(file, text);
  return {
    args: [pathOf("rabbitmq")],
    env: {
      HOME: data,
      ERL_EPMD_PORT: `${port + 3}`,
      ERL_EPMD_ADDRESS: "127.0.0.1",
      RABBITMQ_NODENAME: "busbar@localhost",
      RABBITMQ_DIST_PORT: `${port + 2}`,
      RABBITMQ_MNESIA_BASE: join(data, "mnesia"),
      RABBITMQ_LOG_BASE: join(data, "log"),
      RABBITMQ_PID_FILE: join(data, "pid"),
      RABBITMQ_CONFIG_FILE: file,
      RABBITMQ_ENABLED_PLUGINS_FILE: join(files, "enabled_plugins"),
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
