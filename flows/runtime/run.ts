import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { readIfThere } from "../nodes/link/durable.ts";
import type { FlowsConfig } from "./config.ts";
import { DeployHistory, type StoredFlow } from "./history.ts";
import { log } from "./log.ts";
import { type NodeGuard, openGuard, passwordGuard } from "./node-guard.ts";
import { loadNodeRed, type NodeRed, untilFlowsKnown } from "./node-red.ts";
import { openSecrets } from "./secrets.ts";
import { redSettings } from "./settings.ts";

/** Holds the first password for a start without a person; no flow gets to see it. */
const passwordVariable = "BUSBAR_FLOWS_PASSWORD";

/** A running Node-RED; `stop` ends it cleanly. */
export type Running = {
  readonly url: string;
  /** Loads the flows that stand on disk now. */
  reload(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * Starts the embedded Node-RED and resolves when its flows run (or are known not to).
 * Throws: `Failure` `flows.port-taken`, `flows.listen`, `flows.flow-file`, `flows.palette-missing`.
 */
export async function runFlows(given: FlowsConfig): Promise<Running> {
  const config = { ...given, userDir: resolve(given.userDir) };
  requirePalette();
  // Flows and credentials are this user's alone, whatever file Node-RED writes.
  process.umask(0o077);
  Object.assign(process.env, config.environment);
  const red = loadNodeRed();
  let guard: NodeGuard | undefined;
  const server = createServer((request, response) => answer({ red, guard }, request, response));
  // The port first: a start that fails on it must not have made and hidden a password.
  const url = await listen(server, config);
  const secrets = openSecrets(config.userDir, takePassword());
  if (secrets.fresh !== undefined) showPassword(config.adminUser, secrets.fresh);
  seedFlow(config);
  guard =
    config.httpNode === "open" ? openGuard : passwordGuard(config.adminUser, secrets.passwordHash);
  const history = new DeployHistory(config.userDir);
  keepFirst(history, config);
  red.init(server, redSettings(config, secrets, history));
  const flowsKnown = untilFlowsKnown(red, (reason) => log("warn", "flows-not-started", { reason }));
  await red.start();
  await flowsKnown;
  const pidFile = join(config.userDir, "run.pid");
  writeFileSync(pidFile, `${process.pid}\n`);
  return {
    url,
    async reload() {
      await red.runtime.flows.setFlows({ deploymentType: "reload" });
    },
    async stop() {
      rmSync(pidFile, { force: true });
      await red.stop();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

type Served = { readonly red: NodeRed; readonly guard: NodeGuard | undefined };

/** Editor and admin API first, then the flows' own endpoints, which the guard stands before. */
function answer({ red, guard }: Served, request: IncomingMessage, response: ServerResponse): void {
  const end = (status: number) => response.writeHead(status).end();
  if (red.httpAdmin === undefined || guard === undefined) return void end(503);
  red.httpAdmin(request, response, () =>
    guard(request, response, () => red.httpNode(request, response, () => end(404))),
  );
}

async function listen(server: Server, { host, port }: FlowsConfig): Promise<string> {
  await new Promise<void>((done, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) => fail(listenFailure(error, host, port)));
    server.listen(port, host, done);
  });
  const { port: taken } = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${taken}/`;
}

function listenFailure(error: NodeJS.ErrnoException, host: string, port: number): Failure {
  const taken = error.code === "EADDRINUSE";
  const message = taken
    ? `port ${port} on ${host} is taken: is another Node-RED running? Choose another with --port`
    : `cannot listen on ${host}:${port}: ${error.message}`;
  return new Failure(taken ? "flows.port-taken" : "flows.listen", message, {
    retry: "never",
    cause: error,
  });
}

/** A new user folder starts with the given flow; a flow that is there is never touched. */
function seedFlow({ userDir, flow }: FlowsConfig): void {
  const target = join(userDir, "flows.json");
  if (flow === undefined || existsSync(target)) return;
  let nodes: unknown;
  try {
    nodes = JSON.parse(readFileSync(flow, "utf8"));
  } catch (cause) {
    throw new Failure("flows.flow-file", `${flow}: expected a flow as Node-RED exports it`, {
      retry: "never",
      cause,
    });
  }
  if (!Array.isArray(nodes)) {
    throw new Failure("flows.flow-file", `${flow}: expected a list of nodes`, { retry: "never" });
  }
  copyFileSync(flow, target);
}

/** The flow that is there before the first deploy is a version to go back to. */
function keepFirst(history: DeployHistory, { userDir }: FlowsConfig): void {
  const flows = readIfThere(join(userDir, "flows.json"));
  if (flows === undefined || history.list().length > 0) return;
  history.record(JSON.parse(flows) as StoredFlow, { user: "start", time: Date.now() });
}

function requirePalette(): void {
  if (existsSync(join(import.meta.dirname, "..", "dist", "nodes", "site", "site.js"))) return;
  throw new Failure("flows.palette-missing", "the palette is not compiled: busbar-flows build", {
    retry: "never",
  });
}

function takePassword(): string | undefined {
  const password = process.env[passwordVariable];
  delete process.env[passwordVariable];
  return password === "" ? undefined : password;
}

function showPassword(user: string, password: string): void {
  process.stderr.write(
    `\n  Sign in to the flow editor as ${user} with the password ${password}\n` +
      "  It is shown this once; busbar-flows password sets another.\n\n",
  );
}
