import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Logger } from "pino";

type GroupOptions = {
  /** The configuration's file. */
  readonly config: string;
  readonly brokerPort: number;
  readonly count: number;
  readonly log: Logger;
};

const cli = join(import.meta.dirname, "../cli.ts");
/** Bounds of the wait before one that ended is started again, wall ms. */
const waitMs = { min: 250, max: 30_000 };
/** Who ran for so long ended for another reason than the one before, wall ms. */
const goodMs = 30_000;
/** How long a worker may take to say good-bye. */
const endMsMax = 5_000;

/** The workers that `run` keeps running, each a process of its own. */
export class WorkerGroup {
  readonly #options: GroupOptions;
  readonly #children = new Map<string, ChildProcess>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(options: GroupOptions) {
    this.#options = options;
    for (let n = 1; n <= options.count; n++) this.#start(`w${n}`, 0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const all = [...this.#children.values()];
    await Promise.all(all.map((child) => end(child)));
  }

  #start(name: string, failures: number): void {
    const { config, brokerPort, log } = this.#options;
    const args = [cli, "worker", "--attached", "--config", config, "--name", name];
    const began = performance.now();
    // It ends with its standard input, so with this process, however this one ends.
    const child = spawn(process.execPath, [...args, "--broker-port", String(brokerPort)], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    child.stdin?.on("error", () => {});
    this.#children.set(name, child);
    log.info({ event: "worker-started", worker: name, pid: child.pid });
    const ended = (why: object): void => {
      if (this.#children.get(name) !== child) return;
      this.#children.delete(name);
      if (this.#stopped) return;
      const next = performance.now() - began > goodMs ? 1 : failures + 1;
      const wait = Math.min(waitMs.max, waitMs.min * 2 ** next);
      log.warn({ event: "worker-ended", worker: name, ...why, againInMs: wait });
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#start(name, next);
      }, wait);
      this.#timers.add(timer);
    };
    child.once("error", (err) => ended({ err }));
    child.once("exit", (code, signal) => ended({ code, signal }));
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.stdin?.end();
  const cut = setTimeout(() => child.kill("SIGKILL"), endMsMax);
  await ended;
  clearTimeout(cut);
}
