import { SnapshotMaking } from "../ledger/snapshots/making.ts";
import type { Store } from "../ledger/store.ts";
import type { Timers } from "./timers.ts";

/** Between two chunks: votes come first. */
const pauseMs = 20;

type KeepingParts = {
  readonly store: Store;
  readonly timers: Timers;
  /** At heights that are multiples of this. */
  readonly every: number;
  readonly chunkBytes: number | undefined;
};

/**
 * Makes a snapshot now and again, a chunk at a time beside the engine's work. All members make them of
 * the same heights, so that one who fetches can take chunks of each of them.
 */
export class SnapshotKeeping {
  readonly #parts: KeepingParts;
  #making: SnapshotMaking | undefined;
  #cancel: () => void = () => {};

  constructor(parts: KeepingParts) {
    this.#parts = parts;
  }

  /** A block is on disk, and the next one is not. */
  committed(height: number): void {
    const { store, every, chunkBytes } = this.#parts;
    if (height % every !== 0 || this.#making !== undefined) return;
    this.#making = new SnapshotMaking(store, chunkBytes);
    this.#arm();
  }

  stop(): void {
    this.#cancel();
    this.#making?.stop();
    this.#making = undefined;
  }

  #arm(): void {
    this.#cancel = this.#parts.timers.after(pauseMs, () => {
      if (this.#making?.step() === undefined) return this.#arm();
      this.#making = undefined;
    });
  }
}
