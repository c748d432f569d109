import { SnapshotMaking } from "../ledger/snapshots/making.ts";
import type { Store } from "../ledger/store.ts";
import type { Timers } from "./timers.ts";

/** A day of a busy site; a member that is less behind is there sooner by blocks. */
export const usualSnapshotEvery = 2_048;

/** Between two chunks: votes come first. */
const pauseMs = 20;

type KeepingParts = {
  readonly store: Store;
  readonly timers: Timers;
  /** At heights that are multiples of this. */
  readonly every: number;
  readonly chunkBytes?: number | undefined;
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

  /** A block is on disk with its certificate. Where the next one is, too, its state is gone. */
  committed(height: number): void {
    const { store, every, chunkBytes } = this.#parts;
    if (height % every !== 0 || height !== store.height || this.#making !== undefined) return;
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
