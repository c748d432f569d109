import type { Frame } from "@busbar/protocol";
import type { Pool, Submitted } from "../../aggregator/consensus/pool.ts";

/** A pool that keeps frames in memory and answers as told, for tests of what stands before it. */
export class MemoryPool implements Pool {
  readonly frames: Frame[] = [];
  readonly #hashes = new Set<string>();
  readonly #committed = new Set<string>();
  /** Frames it takes before it is full. */
  room = Number.POSITIVE_INFINITY;
  /** Thrown by `submit` while set, as by a full disk. */
  failure: Error | undefined;

  submit(frame: Frame, hash: Uint8Array): Promise<Submitted> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return Promise.resolve(this.#submit(frame, Buffer.from(hash).toString("hex")));
  }

  /** From now on a frame of this hash counts as committed. */
  commit(hash: Uint8Array): void {
    this.#committed.add(Buffer.from(hash).toString("hex"));
  }

  #submit(frame: Frame, hash: string): Submitted {
    if (this.#committed.has(hash)) return { ok: true, state: "committed" };
    if (this.#hashes.has(hash)) return { ok: true, state: "pending" };
    if (this.frames.length >= this.room) {
      return { ok: false, code: "pool.full", message: "the pool is full" };
    }
    this.#hashes.add(hash);
    this.frames.push(frame);
    return { ok: true, state: "stored" };
  }
}
