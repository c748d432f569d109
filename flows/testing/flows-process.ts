import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The command under test: the checkout's, or one that was installed from what is packed. */
const cli = process.env.BUSBAR_FLOWS_COMMAND ?? join(import.meta.dirname, "..", "cli.ts");

/** How a `busbar-flows run` ended. */
export type Exit = { readonly code: number | null; readonly errors: string };

/** Another command than the one under test, and options of Node's own. */
export type Started = { readonly program?: string; readonly node?: readonly string[] };

/** A `busbar-flows run` in a process of its own, as a supervisor sees it. */
export class FlowsProcess {
  readonly #child: ChildProcess;
  readonly #exit: Promise<Exit>;
  /** Lines on stdout, in order. */
  readonly lines: string[] = [];
  errors = "";
  url = "";
  token = "";

  private constructor(
    options: readonly string[],
    environment: Readonly<Record<string, string>>,
    { program = cli, node = [] }: Started = {},
  ) {
    this.#child = spawn(process.execPath, [...node, program, "run", ...options], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    this.#child.stderr?.on("data", (data: Buffer) => {
      this.errors += data.toString();
    });
    this.#exit = once(this.#child, "close").then(([code]) => ({ code, errors: this.errors }));
  }

  /** Starts it and waits for the ready line; an early end is an error with what it said. */
  static async start(
    options: readonly string[],
    environment = {},
    started: Started = {},
  ): Promise<FlowsProcess> {
    const flows = new FlowsProcess(options, environment, started);
    const { stdout } = flows.#child;
    assert(stdout !== null, "stdout is a pipe");
    const ready = new Promise<void>((done) => {
      createInterface({ input: stdout }).on("line", (line) => {
        flows.lines.push(line);
        done();
      });
    });
    const early = flows.#exit.then(({ code, errors }) => assert.fail(`ended ${code}: ${errors}`));
    await Promise.race([ready, early]);
    early.catch(() => {});
    flows.url = JSON.parse(flows.lines[0] ?? "{}").url;
    return flows;
  }

  /** Runs it to its end; for starts that must fail. */
  static run(options: readonly string[]): Promise<Exit> {
    return new FlowsProcess(options, {}).#exit;
  }

  get pid(): number {
    assert(this.#child.pid !== undefined, "it was started");
    return this.#child.pid;
  }

  /** Resolves when it has said something on stderr, from `errors[from]` on. */
  async said(pattern: RegExp, from = 0): Promise<void> {
    const { stderr } = this.#child;
    assert(stderr !== null, "stderr is a pipe");
    while (!pattern.test(this.errors.slice(from))) await once(stderr, "data");
  }

  /** How many files and sockets it has open. */
  handles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  async stop(): Promise<Exit> {
    this.#child.kill("SIGTERM");
    return await this.#exit;
  }

  /** Signs in to the admin API; the HTTP status. */
  async signIn(username: string, password: string): Promise<number> {
    const response = await fetch(`${this.url}auth/token`, {
      method: "POST",
      body: new URLSearchParams({
        client_id: "node-red-admin",
        grant_type: "password",
        scope: "*",
        username,
        password,
      }),
    });
    if (response.ok) this.token = (await response.json()).access_token;
    return response.status;
  }

  /** One request to the admin API with the token, if signed in. */
  admin(
    path: string,
    init: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const { method = "GET", body, headers = {} } = init;
    return fetch(this.url + path, {
      method,
      headers: {
        accept: "application/json",
        ...(this.token === "" ? {} : { authorization: `Bearer ${this.token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        "node-red-deployment-type": "full",
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}
