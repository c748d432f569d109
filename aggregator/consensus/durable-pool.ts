import type { Frame } from "@busbar/protocol";
import { refuse } from "../ledger/refuse.ts";
import type { Store } from "../ledger/store.ts";
import type { Pool, Submitted } from "./pool.ts";

/** A frame that waits for its block, on disk. */
export type Waiting = { readonly hash: Uint8Array; readonly frame: Uint8Array };

/** What a pool holds at most: against a flood, and against blocks that stand still. */
export type PoolLimits = { readonly frames: number; readonly bytes: number };

const usualLimits: PoolLimits = { frames: 50_000, bytes: 128 * 1024 * 1024 };

type Submission = Waiting & {
  readonly answers: PromiseWithResolvers<void>;
};

/**
 * Frames between their arrival and their block, in the ledger's own file: a block and the end of its
 * frames' waiting are one transaction. Frames that arrive in one turn of the event loop share one
 * fsync.
 */
export class DurablePool implements Pool {
  readonly #store: Store;
  readonly #limits: PoolLimits;
  /** By hash; in order of arrival. */
  readonly #waiting = new Map<string, Waiting>();
  #arriving = new Map<string, Submission>();
  #bytes = 0;
  #stored: () => void = () => {};

  constructor(store: Store, limits: PoolLimits = usualLimits) {
    this.#store = store;
    this.#limits = limits;
    for (const { hash, frame } of store.pending()) this.#waiting.set(nameOf(hash), { hash, frame });
    for (const { frame } of this.#waiting.values()) this.#bytes += frame.length;
  }

  /** Refuses with `pool.full`. Rejects with `Failure` `store.write` when the disk does not take it. */
  async submit(frame: Frame, hash: Uint8Array): Promise<Submitted> {
    const name = nameOf(hash);
    if (this.#waiting.has(name)) return { ok: true, state: "pending" };
    const earlier = this.#arriving.get(name);
    if (earlier !== undefined) {
      await earlier.answers.promise;
      return { ok: true, state: "pending" };
    }
    if (this.#store.placeOf(hash) !== undefined) return { ok: true, state: "committed" };
    const count = this.#waiting.size + this.#arriving.size;
    if (count >= this.#limits.frames || this.#bytes + frame.bytes.length > this.#limits.bytes) {
      return refuse("pool.full", `${count} frames wait for their block already; try again later`);
    }
    await this.#add(name, { hash, frame: frame.bytes });
    return { ok: true, state: "stored" };
  }

  /** Called after frames became durable. */
  onStored(listener: () => void): void {
    this.#stored = listener;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** The oldest frames, at most `count` of them. */
  oldest(count: number): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const { frame } of this.#waiting.values()) {
      if (frames.length === count) break;
      frames.push(frame);
    }
    return frames;
  }

  /** Forgets frames that stand in a block now; the block's transaction took them from the disk. */
  committed(hashes: readonly Uint8Array[]): void {
    for (const hash of hashes) this.#forget(hash);
  }

  /** Forgets frames that the rules refused, on disk too. */
  refused(hashes: readonly Uint8Array[]): void {
    this.#store.dropPending(hashes);
    for (const hash of hashes) this.#forget(hash);
  }

  #add(name: string, entry: Waiting): Promise<void> {
    if (this.#arriving.size === 0) setImmediate(() => this.#flush());
    const answers = Promise.withResolvers<void>();
    this.#arriving.set(name, { ...entry, answers });
    this.#bytes += entry.frame.length;
    return answers.promise;
  }

  #flush(): void {
    const batch = this.#arriving;
    this.#arriving = new Map();
    try {
      this.#store.addPending([...batch.values()]);
    } catch (error) {
      for (const { frame, answers } of batch.values()) {
        this.#bytes -= frame.length;
        answers.reject(error);
      }
      return;
    }
    for (const [name, { hash, frame, answers }] of batch) {
      this.#waiting.set(name, { hash, frame });
      answers.resolve();
    }
    this.#stored();
  }

  #forget(hash: Uint8Array): void {
    const name = nameOf(hash);
    this.#bytes -= this.#waiting.get(name)?.frame.length ?? 0;
    this.#waiting.delete(name);
  }
}

function nameOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString("latin1");
}
