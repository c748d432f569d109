import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { program } from "./programs.ts";

import { freePortBase, until } from "./virtual-site.ts";

/** Brokers that are none of ours. */
export const brokerKinds = ["aedes", "mosquitto", "nats"] as const;
export type BrokerKind = (typeof brokerKinds)[number];

const mosquitto = program("mosquitto", "mosquitto");
const nats = program("nats-server", "nats-server");

/** Why tests of a kind of broker are left out on this machine, if they are. */
export const brokerMissing: Readonly<Record<BrokerKind, string | false>> = {
  aedes: false,
  mosquitto: "skip" in mosquitto && mosquitto.skip,
  nats: "skip" in nats && nats.skip,
};

/**
 * A broker of its own process on a free port of 127.0.0.1 below those that systems lend out, with its data in `folder`, so that it can
 * be killed and started again as after a power cut.
 */
export class ExternalBroker {
  readonly kind: BrokerKind;
  readonly port: number;
  readonly #command: Command;
  #process: ChildProcess | undefined;
  #log = "";

  private constructor(kind: BrokerKind, place: Place) {
    this.kind = kind;
    this.port = place.port;
    this.#command = commandOf(kind, place);
  }

  /** `lines` are added to mosquitto's configuration. */
  static async start(
    kind: BrokerKind,
    folder: string,
    lines: readonly string[] = [],
  ): Promise<ExternalBroker> {
    mkdirSync(folder, { recursive: true });
    const port = await freePortBase();
    const broker = new ExternalBroker(kind, { folder, port, lines });
    await broker.start();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** What it wrote, of all its lives. */
  get log(): string {
    return this.#log;
  }

  /** Starts it and waits until it accepts connections. */
  async start(): Promise<void> {
    const [name, ...args] = this.#command;
    const child = spawn(name, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#log += text;
      });
    }
    await until(`${this.kind} accepts connections`, async () => {
      if (child.exitCode !== null) throw new Error(`${this.kind} ended: ${this.#log}`);
      return (await accepts(this.port)) ? true : undefined;
    });
  }

  /** Ends it without a chance to save or to say good-bye. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
}

type Command = readonly [program: string, ...args: string[]];
type Place = { readonly folder: string; readonly port: number; readonly lines: readonly string[] };

function commandOf(kind: BrokerKind, place: Place): Command {
  switch (kind) {
    case "aedes":
      return [process.execPath, join(import.meta.dirname, "aedes-broker.ts"), String(place.port)];
    case "mosquitto":
      return [pathOf(mosquitto), "-c", mosquittoConfig(place)];
    case "nats":
      return [pathOf(nats), "-c", natsConfig(place)];
    default:
      return kind satisfies never;
  }
}

function mosquittoConfig({ folder, port, lines }: Place): string {
  const file = join(folder, "mosquitto.conf");
  // Saved after each change: the default of half an hour loses what is retained in a kill. Started by
  // root it would change to a user who may not write here.
  const text = `listener ${port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location ${folder}/
autosave_on_changes true
autosave_interval 1
log_dest stderr
user ${userInfo().username}
${lines.join("\n")}
`;
  writeFileSync(file, text);
  return file;
}

function natsConfig({ folder, port }: Place): string {
  const file = join(folder, "nats.conf");
  // MQTT rests on JetStream, which wants a name; the NATS port itself takes any free one.
  const text = `server_name: busbar-test
host: 127.0.0.1
port: -1
jetstream { store_dir: ${JSON.stringify(folder)} }
mqtt { host: 127.0.0.1, port: ${port} }
`;
  writeFileSync(file, text);
  return file;
}

function pathOf(found: ReturnType<typeof program>): string {
  if ("path" in found) return found.path;
  throw new Error(found.skip);
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
