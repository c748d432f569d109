import { randomBytes } from "node:crypto";
import { Failure } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import type { Command } from "commander";
import { pino } from "pino";
import { Counters } from "../broker/counters.ts";
import { readPassword } from "../broker/external/address.ts";
import { Worker } from "../broker/external/worker.ts";
import { dialOwn, memberToken } from "../broker/own-address.ts";
import { loadConfig } from "../config/load.ts";
import { configOption, id, port } from "./arguments.ts";

type Options = {
  readonly config: string;
  readonly name: string;
  readonly brokerPort?: number;
  readonly attached: boolean;
};

const dialMsMax = 5_000;

export function addWorkerCommand(program: Command): void {
  program
    .command("worker")
    .description(
      "take frames from an external broker (broker.external) to this member's aggregator",
    )
    .option(...configOption)
    .option("--name <id>", "what it is called, another one for each worker of this member", id)
    .option(
      "--broker-port <port>",
      "where the aggregator's own broker listens, if not as configured",
      port,
    )
    .option("--attached", "end when standard input ends: for whoever starts it as its child", false)
    .addHelpText(
      "after",
      "\nrun starts as many as broker.external.workers says; more of them share the devices, and take over from\none that dies. Says worker-ready on standard output each time it has all that it takes care of.",
    )
    .action((options) => runWorker({ ...options, name: options.name ?? randomName() }));
}

/** `busbar-aggregator worker`: runs until a signal. */
async function runWorker({ config: path, name, brokerPort, attached }: Options): Promise<void> {
  const config = loadConfig(path);
  const { site, member, broker } = config;
  const { external } = broker;
  if (external === undefined) {
    throw new Failure(
      "config.no-external",
      `${path}: a worker takes frames from broker.external, which is not there; add broker: { external: { urls: [mqtts://…] } }`,
      { retry: "never" },
    );
  }
  const log = pino(
    { level: config.logLevel, base: { worker: name } },
    pino.destination({ fd: 2, sync: true }),
  );
  const signer = signerOf(readKeyFile(config.key));
  const own = { ...broker, port: brokerPort ?? broker.port };
  const { passwordFile, user = member, tls } = external;
  const counters = new Counters();
  const worker = new Worker({
    site,
    member,
    name,
    urls: external.urls,
    login: {
      user,
      tls,
      ...(passwordFile === undefined ? {} : { password: readPassword(passwordFile) }),
    },
    split: external.ingestion,
    persistent: external.session === "persistent",
    leaseMs: external.leaseSeconds * 1_000,
    ownBroker: async (label) => {
      const socket = await dialOwn(own, dialMsMax);
      const client = `${member}:${label}`;
      return { socket, client, password: memberToken({ site, member, client, signer }) };
    },
    counters,
    log,
    onReady: (live) => console.log(JSON.stringify({ event: "worker-ready", worker: name, live })),
  });
  const stop = () => worker.stop();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, stop);
  if (attached) process.stdin.on("end", stop).on("error", stop).resume();
  await worker.run();
  log.info({ event: "worker-stopped", counted: counters.all() });
  // Standard input may still be open.
  process.exit(0);
}

function randomName(): string {
  return `w-${randomBytes(4).toString("hex")}`;
}
