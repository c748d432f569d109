import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "@busbar/protocol";

/** How long a process may take to say that it is up, on a slow card. */
const readyMsMax = 60_000;
/** How long it may take to end after SIGTERM; then it is killed. */
const endMsMax = 15_000;
/** Pause before a process that died is started again. */
const restartMs = 500;

/** One program of the site. */
export type Program = {
  readonly name: string;
  readonly args: readonly string[];
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
};

/**
 * A program that is kept running: started again when it dies, ended with SIGTERM. It says that it is
 * up by a line `{"event":"ready", …}` on its standard output; all else it says goes to its log.
 */
export class Child {
  readonly name: string;
  readonly #program: Program;
  readonly #log: WriteStream;
  readonly #onChange: () => void;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #restarting: Promise<void> = Promise.resolve();
  #stopping = false;
  #wasReady = false;
  restarts = 0;

  constructor(program: Program, onChange: () => void) {
    this.name = program.name;
    this.#program = program;
    this.#log = createWriteStream(program.log, { flags: "a" });
    this.#onChange = onChange;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#alive()?.pid;
  }

  /** Starts it and resolves with what it said when it was up. Throws `Failure` `site.process-failed`. */
  async start(): Promise<Readonly<Record<string, unknown>>> {
    const child = spawn(process.execPath, this.#program.args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...this.#program.env },
      // A Ctrl-C of the terminal is for the supervisor, which ends its children in order.
      detached: true,
    });
    this.#process = child;
    child.stderr.pipe(this.#log, { end: false });
    const tail: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      tail.push(line);
      if (tail.length > 5) tail.shift();
    });
    this.#exited = new Promise((resolve) => child.once("close", () => resolve()));
    const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#log.write(`${line}\n`);
      const ready = readyLine(line);
      if (ready !== undefined) resolve(ready);
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      reject(failed(this.name, code ?? signal, tail, this.#program.log));
      this.#onChange();
      if (!this.#stopping && this.#wasReady) this.#restarting = this.#restart();
    });
    this.#onChange();
    const ready = await Promise.race([promise, this.#tooSlow()]);
    this.#wasReady = true;
    return ready;
  }

  /** Ends it: SIGTERM, then after a while SIGKILL. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#alive();
    if (child !== undefined) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), endMsMax);
      await this.#exited;
      clearTimeout(timer);
    }
    await this.#restarting;
    this.#log.end();
  }

  /** Ends it at once: for a supervisor that has no time left. */
  kill(): void {
    this.#stopping = true;
    this.#alive()?.kill("SIGKILL");
  }

  #alive(): ChildProcess | undefined {
    const child = this.#process;
    return child?.exitCode === null && child.signalCode === null ? child : undefined;
  }

  async #tooSlow(): Promise<never> {
    await sleep(readyMsMax, undefined, { ref: false });
    throw failed(this.name, `nothing said for ${readyMsMax / 1000} s`, [], this.#program.log);
  }

  async #restart(): Promise<void> {
    while (!this.#stopping) {
      await sleep(restartMs);
      if (this.#stopping) return;
      this.restarts += 1;
      this.#wasReady = false;
      try {
        await this.start();
        return;
      } catch (error) {
        if (this.#stopping) return;
        // One that said nothing in time may run still, and hold the ports of the next.
        this.#alive()?.kill("SIGKILL");
        await this.#exited;
        this.#log.write(`supervisor: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
  }
}

/** Runs a command to its end and returns its standard output. Throws `Failure` `site.process-failed`. */
export async function runToEnd(program: Program): Promise<string> {
  const child = spawn(process.execPath, program.args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...program.env },
  });
  let [out, complaints] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    complaints += text;
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once("error", reject);
  child.once("close", (code, signal) => {
    if (code === 0) return resolve();
    const lines = `${out}${complaints}`.trim().split("\n").slice(-5);
    reject(failed(program.name, code ?? signal, lines, program.log));
  });
  await promise;
  return out;
}

function readyLine(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    return value.event === "ready" ? value : undefined;
  } catch {
    // A line that only looks like JSON is talk for the log.
    return undefined;
  }
}

function failed(name: string, how: unknown, lines: readonly string[], log: string): Failure {
  const said = lines.length > 0 ? `:\n  ${lines.join("\n  ")}` : "";
  return new Failure("site.process-failed", `${name} ended (${how}), see ${log}${said}`, {
    retry: "never",
  });
}
