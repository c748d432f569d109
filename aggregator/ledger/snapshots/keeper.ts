import { prune } from "../archive/pruning.ts";
import type { CommittedBlock } from "../block.ts";
import type { Store } from "../store.ts";
import { SnapshotMaking } from "./making.ts";

const dayMs = 86_400_000;

/** When snapshots are made, and what goes to the archive behind them. */
export type KeeperOptions = {
  readonly store: Store;
  /** Site ms: the first block of each such span is followed by a snapshot, on every member alike. */
  readonly everyMs: number;
  /** Blocks older than so many site days leave the store; for ever without it. */
  readonly archive: { readonly folder: string; readonly keepDays?: number | undefined };
  /** Runs a slice of work soon, between others' (`setImmediate`). */
  readonly soon: (work: () => void) => void;
  /** Told of what failed; the next snapshot tries again. */
  readonly failed: (error: unknown) => void;
};

/** Makes snapshots and archives beside a running ledger, one slice of some ms at a time. */
export class Keeper {
  readonly #options: KeeperOptions;
  #making: SnapshotMaking | undefined;
  #pruning: ReturnType<typeof prune> | undefined;
  #stopped = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    const { store } = options;
    // What a program left that was stopped on the way.
    for (const { height } of store.snapshots.list("making")) {
      store.write(() => store.snapshots.drop(height));
    }
  }

  /** To be called in the turn that committed the block: the snapshot is of the state as it is now. */
  committed({ header, certificate }: CommittedBlock): void {
    const { store, everyMs } = this.#options;
    const before = store.header(header.height - 1)?.header.time;
    const spans = (time: number) => Math.floor(time / everyMs);
    const due = before !== undefined && spans(header.time) > spans(before);
    // An engine that keeps its proofs itself leaves nothing that a snapshot's block could show. One whose
    // certificates come late may have gone on: the state of this block is not there any more.
    const isNewest = header.height === store.height && certificate.length > 0;
    if (!due || !isNewest || this.#making !== undefined || this.#stopped) return;
    this.#guarded(() => {
      this.#making = new SnapshotMaking(store);
      this.#soon(() => this.#make());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#making?.stop();
    this.#making = undefined;
  }

  #make(): void {
    if (this.#making?.step() === undefined) return this.#soon(() => this.#make());
    this.#making = undefined;
    const { store, archive } = this.#options;
    if (archive.keepDays === undefined || this.#pruning !== undefined) return;
    const last = store.header(store.height)?.header.time ?? 0;
    const before = last - archive.keepDays * dayMs;
    this.#pruning = prune(store, { folder: archive.folder, before });
    this.#soon(() => this.#prune());
  }

  #prune(): void {
    if (this.#pruning?.next().done === false) return this.#soon(() => this.#prune());
    this.#pruning = undefined;
  }

  #soon(work: () => void): void {
    this.#options.soon(() => {
      if (!this.#stopped) this.#guarded(work);
    });
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#making = undefined;
      this.#pruning = undefined;
      this.#options.failed(error);
    }
  }
}
