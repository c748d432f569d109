import { randomBytes } from "node:crypto";
import { Failure } from "@busbar/protocol";
import { failure } from "./address.ts";
import { openBoth } from "./both-sessions.ts";
import { WorkerLife } from "./worker-life.ts";
import type { WorkerOptions } from "./worker-options.ts";

/** Bounds of the wait after a life that ended, wall ms. */
const waitMs = { min: 200, max: 10_000 };
/** A life that lasted so long was a good one, wall ms. */
const goodMs = 5_000;

/**
 * A process that takes frames from an external broker to its member and answers back. It lives as long
 * as both connections stand and then begins anew: what it had not acknowledged the broker sends
 * again, to it or to whoever took over, and what no broker has the unit sends again.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #stop = Promise.withResolvers<undefined>();
  #stopped = false;
  #life: WorkerLife | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Resolves when it was stopped. Throws: `Failure` that no waiting helps against (`external.files`). */
  async run(): Promise<void> {
    const { log, urls } = this.#options;
    for (let [failures, node] = [0, 0]; !this.#stopped; ) {
      const began = performance.now();
      const reason = await this.#liveOnce(urls[node % urls.length] ?? "");
      if (this.#stopped) return;
      if (performance.now() - began > goodMs) failures = 0;
      failures += 1;
      node += 1;
      const { code, message } = reason;
      log.warn({ event: "worker-interrupted", code, message });
      if (reason.retry === "never") throw reason;
      const most = Math.min(waitMs.max, waitMs.min * 2 ** Math.min(failures, 10));
      await this.#pause(most * (0.5 + Math.random() / 2));
    }
  }

  /** Says good-bye at both brokers; the others take over at once. */
  stop(): void {
    this.#stopped = true;
    this.#life?.end();
    this.#stop.resolve(undefined);
  }

  async #liveOnce(url: string): Promise<Failure> {
    const { log } = this.#options;
    try {
      // Another one for each life: who was said to be gone is not believed to come back.
      const instance = randomBytes(8).toString("hex");
      const life = new WorkerLife({ ...this.#options, instance });
      const both = await openBoth(url, {
        ...this.#options,
        instance,
        onFrame: (message) => life.outer(message),
        onAnswer: (message) => life.inner(message),
      });
      if (this.#stopped) {
        both.close();
        return failure("external.closed", "stopped");
      }
      this.#life = life;
      log.info({ event: "worker-connected", url });
      return await life.begin(both);
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    } finally {
      this.#life = undefined;
    }
  }

  async #pause(ms: number): Promise<void> {
    const waited = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => waited.resolve(undefined), ms);
    await Promise.race([waited.promise, this.#stop.promise]);
    clearTimeout(timer);
  }
}
