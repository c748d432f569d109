import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Logger } from "pino";
import type { Timers } from "../timers.ts";

/** Between an end and the next start: doubled at each, reset by one that lasted. */
const pause = { leastMs: 500, mostMs: 30_000, resetMs: 60_000 };
/** From asking it to end until it is ended. */
const graceMs = 10_000;

/**
 * CometBFT's process beside ours, started anew whenever it ends: it ends by itself when the connection
 * to the application breaks, or when the application answers with an exception.
 */
export class CometbftProcess {
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #log: Pick<Logger, "info" | "warn" | "error">;
  readonly #timers: Timers;
  #child: ChildProcess | undefined;
  #pauseMs = pause.leastMs;
  #cancel: (() => void) | undefined;
  #running = false;

  constructor(options: {
    readonly command: string;
    readonly args: readonly string[];
    readonly log: Pick<Logger, "info" | "warn" | "error">;
    readonly timers: Timers;
  }) {
    this.#command = options.command;
    this.#args = options.args;
    this.#log = options.log;
    this.#timers = options.timers;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    this.#running = true;
    this.#spawn();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#cancel?.();
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "close");
    child.kill("SIGTERM");
    const cancel = this.#timers.after(graceMs, () => child.kill("SIGKILL"));
    await gone;
    cancel();
  }

  #spawn(): void {
    const startedAt = this.#timers.now();
    const child = spawn(this.#command, this.#args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    let last = "";
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        // E[…]: its own errors; what it says last tells why it ends.
        if (/^(E\[|ERROR|panic)/.test(line)) {
          last = line.slice(0, 500);
          this.#log.warn({ event: "cometbft", line: last });
        }
      });
    }
    child.on("error", (error) => {
      last = `${error.message}; install it with: go install github.com/cometbft/cometbft/cmd/cometbft@v0.38.25, or set cometbft.command`;
    });
    child.once("close", (code, signal) => {
      this.#child = undefined;
      if (!this.#running) return;
      this.#log.error({ event: "cometbft-ended", code, signal, last, againInMs: this.#pauseMs });
      const lasted = this.#timers.now() - startedAt >= pause.resetMs;
      this.#pauseMs = lasted ? pause.leastMs : this.#pauseMs;
      this.#cancel = this.#timers.after(this.#pauseMs, () => this.#spawn());
      this.#pauseMs = Math.min(this.#pauseMs * 2, pause.mostMs);
    });
  }
}
