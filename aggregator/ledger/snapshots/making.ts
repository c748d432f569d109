import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { sha256 } from "../sha256.ts";
import type { Store } from "../store.ts";
import {
  chunkBytes,
  chunkOf,
  encodeEntry,
  type Manifest,
  type Snapshot,
  snapshotOf,
} from "./format.ts";
import { stepsToShow } from "./trust.ts";

/** Snapshots that are kept: the newest, and one more for whoever is fetching that. */
const keptMax = 2;

type Row = { readonly key: string; readonly value: Uint8Array };

/** Entries looked at in one step, some ms of work: every member is at it after the same block, so that
 * the next block waits as long as a step takes. */
const entriesPerStep = 512;

/**
 * Takes the state after the last block down, some entries at a step. It sees the state as it is now,
 * however many blocks are committed while it works (a read transaction of its own; a ledger in memory
 * has none, so there all of it is made at once). One chunk is in memory at a time.
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
  /** Of the chunk at work, encoded, and how much they hold. */
  #entries: Uint8Array[] = [];
  #size = 0;
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

  /** Goes on for some entries; a chunk is on disk when the step that fills it returns. The snapshot
   * when there is no more. */
  step(): Snapshot | undefined {
    if (this.#made !== undefined) return this.#made;
    for (let n = 0; n < entriesPerStep; n++) {
      const next = this.#rows.next();
      if (next.done) return this.#finish();
      const { key, value } = next.value;
      this.#entries.push(encodeEntry([key, value]));
      this.#size += key.length + value.length;
      if (this.#size < this.#chunkSize) continue;
      this.#store.write(() => this.#put());
      return undefined;
    }
    return undefined;
  }

  /** Gives up: what was made goes. */
  stop(): void {
    if (this.#made !== undefined) return;
    this.#close();
    this.#store.write(() => this.#store.snapshots.drop(this.height));
  }

  #finish(): Snapshot {
    this.#close();
    const { snapshots } = this.#store;
    const certified = this.#store.header(this.height);
    assert(certified !== undefined, "a block's header stays while a snapshot of it is made");
    const { header, certificate } = certified;
    return this.#store.write(() => {
      if (this.#entries.length > 0) this.#put();
      const made = snapshotOf({ header, certificate, chunks: this.#chunks, ...this.#steps });
      snapshots.put(made, "ready");
      for (const { height } of snapshots.list().slice(keptMax)) snapshots.drop(height);
      this.#made = made;
      return made;
    });
  }

  #put(): void {
    const chunk = chunkOf(this.#entries);
    this.#entries = [];
    this.#size = 0;
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
