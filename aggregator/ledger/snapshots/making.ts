import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { sha256 } from "../sha256.ts";
import type { Store } from "../store.ts";
import {
  chunkBytes,
  encodeChunk,
  type Manifest,
  type Snapshot,
  type StateEntry,
  snapshotOf,
} from "./format.ts";
import { stepsToShow } from "./trust.ts";

/** Snapshots that are kept: the newest, and one more for whoever is fetching that. */
const keptMax = 2;

type Row = { readonly key: string; readonly value: Uint8Array };

/**
 * Takes the state after the last block down, chunk by chunk. It sees the state as it is now, however
 * many blocks are committed while it works (a read transaction of its own; a ledger in memory has
 * none, so there all of it is made at once). One chunk is in memory at a time.
 */
export class SnapshotMaking {
  readonly height: number;
  readonly #store: Store;
  readonly #chunkSize: number;
  readonly #reader: DatabaseSync;
  readonly #rows: Iterator<Row>;
  readonly #chunks: Uint8Array[] = [];
  /** Those up to its own height. */
  readonly #steps: Pick<Manifest, "steps">;
  #made: Snapshot | undefined;

  /** Begins at once, at the store's height. All members make chunks of one size; tests make small ones. */
  constructor(store: Store, chunkSize: number = chunkBytes) {
    const certified = store.header(store.height);
    assert(certified !== undefined, "a snapshot is taken after a block");
    this.height = store.height;
    this.#store = store;
    this.#chunkSize = chunkSize;
    this.#steps = stepsToShow(store);
    this.#reader = store.path === ":memory:" ? store.db : pinned(store.path);
    this.#rows = this.#reader
      .prepare("SELECT key, value FROM state ORDER BY key")
      .iterate() as Iterator<Row>;
    store.write(() => store.snapshots.begin(this.height));
    if (store.path === ":memory:") while (this.step() === undefined);
  }

  /** Makes one more chunk, on disk when it returns; the snapshot when there is no more. */
  step(): Snapshot | undefined {
    if (this.#made !== undefined) return this.#made;
    const entries: StateEntry[] = [];
    let size = 0;
    for (let next = this.#rows.next(); ; next = this.#rows.next()) {
      if (next.done) return this.#finish(entries);
      const { key, value } = next.value;
      entries.push([key, value]);
      size += key.length + value.length;
      if (size >= this.#chunkSize) break;
    }
    this.#store.write(() => this.#put(entries));
    return undefined;
  }

  /** Gives up: what was made goes. */
  stop(): void {
    if (this.#made !== undefined) return;
    this.#close();
    this.#store.write(() => this.#store.snapshots.drop(this.height));
  }

  #finish(rest: readonly StateEntry[]): Snapshot {
    this.#close();
    const { snapshots } = this.#store;
    const certified = this.#store.header(this.height);
    assert(certified !== undefined, "a block's header stays while a snapshot of it is made");
    const { header, certificate } = certified;
    return this.#store.write(() => {
      if (rest.length > 0) this.#put(rest);
      const made = snapshotOf({ header, certificate, chunks: this.#chunks, ...this.#steps });
      snapshots.put(made, "ready");
      for (const { height } of snapshots.list().slice(keptMax)) snapshots.drop(height);
      this.#made = made;
      return made;
    });
  }

  #put(entries: readonly StateEntry[]): void {
    const chunk = encodeChunk(entries);
    this.#store.snapshots.putChunk(this.height, this.#chunks.length, chunk);
    this.#chunks.push(sha256(chunk));
  }

  #close(): void {
    this.#rows.return?.();
    if (this.#reader !== this.#store.db) this.#reader.close();
  }
}

/** A connection that goes on seeing what is on disk now. */
function pinned(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true });
  db.exec("BEGIN");
  // SQLite's transaction begins to see with its first read.
  db.prepare("SELECT max(height) FROM block").get();
  return db;
}
