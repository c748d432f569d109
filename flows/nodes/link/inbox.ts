import { flowError, told } from "./errors.ts";
import type { Done, RedNode } from "./red.ts";

/** Messages that wait behind the one in work. A flow that sends faster than the site answers would
 * else fill the memory. */
const waitingMax = 32;

/** Works on one message after the other; what comes while too many wait is refused. */
export class Inbox {
  readonly #node: RedNode;
  readonly #waiting: { readonly work: () => Promise<void>; readonly done: Done }[] = [];
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(node: RedNode) {
    this.#node = node;
  }

  /** Hands in one message's work; `done` is called once with its end. */
  take(work: () => Promise<void>, done: Done): void {
    if (this.#closed) return done(flowError("flows.closed", "the node is being closed"));
    if (this.#waiting.length >= waitingMax) {
      this.#node.status({ fill: "yellow", shape: "ring", text: "busbar.status.busy" });
      const message = `${waitingMax} messages wait already: send fewer, such as by a delay node`;
      return done(flowError("flows.busy", message, { retry: "later" }));
    }
    this.#waiting.push({ work, done });
    this.#working ??= this.#run();
  }

  /** Refuses what waits, and resolves when what is in work has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { done } of this.#waiting.splice(0)) {
      done(flowError("flows.closed", "the node was closed before the message's turn"));
    }
    await this.#working;
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        await next.work();
        next.done();
      } catch (error) {
        if (!this.#closed) {
          this.#node.status({ fill: "red", shape: "dot", text: "busbar.status.failed" });
        }
        next.done(told(error));
      }
    }
    this.#working = undefined;
  }
}
