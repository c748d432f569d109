import type { Timers } from "../timers.ts";

/** Frames in one call: CometBFT's own `rpc.max_request_batch_size`. */
const batchMax = 10;
/** A frame that is in no block after so long is looked at again: the mempool may have dropped it, or a
 * rule may refuse it. */
const againMs = 10_000;
/** After a call that failed, or took nothing. */
const pauseMs = 500;

type Waiting = { readonly frame: Uint8Array; saidAt: number };

/**
 * Brings this member's waiting frames into CometBFT's mempool, in their order, until they stand in a
 * block: a mempool is memory, and forgets what it has no room for or what a restart took.
 */
export class Broadcasting {
  readonly #broadcast: (frames: readonly Uint8Array[]) => Promise<number>;
  readonly #stillGood: (frames: readonly Uint8Array[]) => void;
  readonly #onFailed: (error: Error) => void;
  readonly #timers: Timers;
  #failed = false;
  /** In order of arrival. */
  readonly #waiting = new Map<string, Waiting>();
  #isSaying = false;
  #running = false;
  #cancel: (() => void) | undefined;

  constructor(options: {
    /** Says frames in order; resolves to how many of them, from the front, were heard. */
    readonly broadcast: (frames: readonly Uint8Array[]) => Promise<number>;
    /** Asked before frames are said again: drops those that no block will hold. */
    readonly stillGood: (frames: readonly Uint8Array[]) => void;
    /** Told of the first failure of several in a row. */
    readonly onFailed: (error: Error) => void;
    readonly timers: Timers;
  }) {
    this.#broadcast = options.broadcast;
    this.#stillGood = options.stillGood;
    this.#onFailed = options.onFailed;
    this.#timers = options.timers;
  }

  start(): void {
    this.#running = true;
    void this.#work();
  }

  stop(): void {
    this.#running = false;
    this.#cancel?.();
  }

  add(name: string, frame: Uint8Array): void {
    if (!this.#waiting.has(name)) {
      this.#waiting.set(name, { frame, saidAt: Number.NEGATIVE_INFINITY });
    }
    void this.#work();
  }

  /** It stands in a block, or never will. */
  drop(name: string): void {
    this.#waiting.delete(name);
  }

  async #work(): Promise<void> {
    if (!this.#running || this.#isSaying) return;
    this.#isSaying = true;
    let pause = pauseMs;
    try {
      const again = this.#due(({ saidAt }) => saidAt > Number.NEGATIVE_INFINITY);
      if (again.length > 0) this.#stillGood(again.map(({ frame }) => frame));
      const due = this.#due(() => true);
      const heard = due.length === 0 ? 0 : await this.#broadcast(due.map(({ frame }) => frame));
      const now = this.#timers.now();
      for (const one of due.slice(0, heard)) one.saidAt = now;
      if (heard > 0) {
        pause = 0;
        this.#failed = false;
      }
    } catch (error) {
      if (!this.#failed) this.#onFailed(error as Error);
      this.#failed = true;
    } finally {
      this.#isSaying = false;
      this.#arm(pause);
    }
  }

  /** The oldest that are to be said now. */
  #due(which: (one: Waiting) => boolean): Waiting[] {
    const now = this.#timers.now();
    const due: Waiting[] = [];
    for (const one of this.#waiting.values()) {
      if (due.length === batchMax) break;
      if (now - one.saidAt >= againMs && which(one)) due.push(one);
    }
    return due;
  }

  #arm(pause: number): void {
    this.#cancel?.();
    if (!this.#running || this.#waiting.size === 0) return;
    this.#cancel = this.#timers.after(pause, () => void this.#work());
  }
}
