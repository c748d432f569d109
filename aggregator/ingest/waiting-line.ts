import { setTimeout as sleep } from "node:timers/promises";
import type { Frame } from "@busbar/protocol";
import type { Pool, Submitted } from "../consensus/pool.ts";
import type { IngestCode } from "./codes.ts";
import type { IngestLimits } from "./limits.ts";

type Waiting = {
  readonly frame: Frame;
  readonly hash: Uint8Array;
  readonly until: number;
  readonly resolve: (submitted: Submitted) => void;
  readonly reject: (error: unknown) => void;
};

/** Frames offered to the pool together, so that they share its fsync. */
const together = 64;

/**
 * The pool with a line before its door. While the pool is full a frame waits, first come first
 * served, and its sender gets no PUBACK: aedes then reads no further from that socket, TCP fills, and
 * the sender slows down. A frame that waited `poolWaitMs` in vain is refused with `pool.full`; its
 * sender keeps it and sends it again later.
 */
export class WaitingLine {
  readonly #pool: Pool;
  readonly #limits: IngestLimits;
  readonly #now: () => number;
  readonly #delay: (ms: number) => Promise<unknown>;
  #line: Waiting[] = [];
  #moving = false;

  constructor(
    pool: Pool,
    limits: IngestLimits,
    {
      now,
      delay = (ms) => sleep(ms, undefined, { ref: false }),
    }: { now: () => number; delay?: ((ms: number) => Promise<unknown>) | undefined },
  ) {
    this.#pool = pool;
    this.#limits = limits;
    this.#now = now;
    this.#delay = delay;
  }

  get length(): number {
    return this.#line.length;
  }

  /** Resolves when the frame is durable or refused. Rejects when the pool throws. */
  async submit(frame: Frame, hash: Uint8Array): Promise<Submitted> {
    if (!this.#moving) {
      const submitted = await this.#pool.submit(frame, hash);
      if (!isFull(submitted)) return submitted;
    }
    if (this.#line.length >= this.#limits.waitingMax) return fullRefusal();
    return new Promise((resolve, reject) => {
      const until = this.#now() + this.#limits.poolWaitMs;
      this.#line.push({ frame, hash, until, resolve, reject });
      if (!this.#moving) void this.#move();
    });
  }

  /** Offers the line to the pool, now and again, until nobody waits. */
  async #move(): Promise<void> {
    this.#moving = true;
    while (this.#line.length > 0) {
      const batch = this.#line.slice(0, together);
      const results = await Promise.all(batch.map((waiting) => this.#offer(waiting)));
      const done = new Set(batch.filter((_, i) => results[i] === "done"));
      this.#line = this.#line.filter((waiting) => !done.has(waiting));
      if (done.size === batch.length) continue;
      await this.#delay(this.#limits.poolRetryMs);
      this.#sendAway();
    }
    this.#moving = false;
  }

  async #offer({ frame, hash, resolve, reject }: Waiting): Promise<"full" | "done"> {
    try {
      const submitted = await this.#pool.submit(frame, hash);
      if (isFull(submitted)) return "full";
      resolve(submitted);
    } catch (error) {
      reject(error);
    }
    return "done";
  }

  #sendAway(): void {
    const now = this.#now();
    for (const { resolve } of this.#line.filter(({ until }) => until <= now))
      resolve(fullRefusal());
    this.#line = this.#line.filter(({ until }) => until > now);
  }
}

function isFull(submitted: Submitted): boolean {
  return !submitted.ok && submitted.code === ("pool.full" satisfies IngestCode);
}

/** To whoever comes while all places are taken. */
export function fullRefusal() {
  const message = "too many messages wait for a block; keep this one and send it again later";
  return { ok: false, code: "pool.full" satisfies IngestCode, message } as const;
}
