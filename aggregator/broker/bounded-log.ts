import type { Logger } from "pino";
import { TokenBucket } from "./token-bucket.ts";

/** Logs at a bounded rate what strangers can cause at any rate; says how many lines were left out. */
export class BoundedLog {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #bucket: TokenBucket;
  #leftOut = 0;

  constructor(log: Logger, now: () => number, linesPerSecond: number) {
    this.#log = log;
    this.#now = now;
    this.#bucket = new TokenBucket({ burst: linesPerSecond * 4, perSecond: linesPerSecond }, now());
  }

  warn(event: string, fields: Readonly<Record<string, unknown>>): void {
    if (!this.#bucket.take(this.#now())) {
      this.#leftOut++;
      return;
    }
    const leftOut = this.#leftOut > 0 ? { leftOut: this.#leftOut } : {};
    this.#leftOut = 0;
    this.#log.warn({ event, ...fields, ...leftOut });
  }
}
