import { copyFileSync, existsSync, readFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { readIfThere } from "../nodes/link/durable.ts";
import type { FlowsConfig } from "./config.ts";
import { Front } from "./front.ts";
import { DeployHistory, type StoredFlow } from "./history.ts";
import { log } from "./log.ts";
import { loadNodeRed, untilFlowsKnown } from "./node-red.ts";
import { recordMeters } from "./recorder.ts";
import { markRunning, unmarkRunning } from "./running.ts";
import { openCredentialSecret, openPassword } from "./secrets.ts";
import { redSettings } from "./settings.ts";
import { passwordSignIn, portalSignIn, type SignIn } from "./sign-in.ts";
import { keepDeploy } from "./storage.ts";

/** Holds the first password for a start without a person; no flow gets to see it. */
const passwordVariable = "BUSBAR_FLOWS_PASSWORD";

/** A running Node-RED; `stop` ends it cleanly. */
export type Running = {
  readonly url: string;
  /**
   * Loads the flows that stand on disk now. Throws: `Failure` `flows.flow-file` for what is no flow, and
   * what runs goes on.
   */
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
  const front = new Front();
  // The port first: a start that fails on it must not have made and hidden a password.
  const url = await listen(front.server, config);
  const credentialSecret = openCredentialSecret(config.userDir);
  const history = new DeployHistory(config.userDir);
  const signIn = signInOf(config, history);
  seedFlow(config);
  for (const file of history.broken) log("warn", "deploy-unreadable", { msg: file });
  keepFirst(history, config);
  red.init(front.inner, redSettings(config, { credentialSecret, signIn, history }));
  if (config.record !== undefined) {
    recordMeters(red, config.record, (text) => log("warn", "record", { msg: text }));
  }
  const flowsKnown = untilFlowsKnown(red, (reason) => log("warn", "flows-not-started", { reason }));
  await red.start();
  front.open({ admin: red.httpAdmin, node: red.httpNode, ...signIn });
  await flowsKnown;
  markRunning(config.userDir);
  return {
    url,
    async reload() {
      const stored = readStored(join(config.userDir, "flows.json"));
      await red.runtime.flows.setFlows({ deploymentType: "reload" });
      keepDeploy(history, stored, "reload");
    },
    async stop() {
      unmarkRunning(config.userDir);
      signIn.close();
      await red.stop();
      await front.close();
    },
  };
}

/** By the portal where one is named, else by this user folder's own password. */
function signInOf(config: FlowsConfig, history: DeployHistory): SignIn {
  const chosen = takePassword();
  if (config.signIn !== undefined) return portalSignIn(config.signIn, config);
  const { passwordHash, fresh } = openPassword(config.userDir, chosen);
  if (fresh !== undefined) showPassword(config.adminUser, fresh);
  return passwordSignIn(config, passwordHash, (wrong) =>
    history.note({ event: "pages.password-wrong", time: Date.now(), ...wrong }),
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
  readStored(flow);
  copyFileSync(flow, target);
}

/** Throws: `Failure` `flows.flow-file`. */
function readStored(file: string): StoredFlow {
  let nodes: unknown;
  try {
    nodes = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Failure("flows.flow-file", `${file}: expected a flow as Node-RED exports it`, {
      retry: "never",
      cause,
    });
  }
  if (Array.isArray(nodes)) return nodes as StoredFlow;
  throw new Failure("flows.flow-file", `${file}: expected a list of nodes`, { retry: "never" });
}

/** The flow that is there before the first deploy is a version to go back to. */
function keepFirst(history: DeployHistory, { userDir }: FlowsConfig): void {
  const flows = readIfThere(join(userDir, "flows.json"));
  if (flows === undefined || history.list().length > 0) return;
  keepDeploy(history, readStored(join(userDir, "flows.json")), "start");
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
