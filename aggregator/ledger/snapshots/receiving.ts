import { compareBytes, type Refusal } from "@busbar/protocol";
import { refuse } from "../refuse.ts";
import { sha256 } from "../sha256.ts";
import type { Store } from "../store.ts";
import { chunkBytesMax, type Manifest, manifestOf, type Snapshot } from "./format.ts";

/**
 * A snapshot on its way in. Its chunks are on disk when they are taken, so a stopped program goes on
 * where it was; nothing of the ledger changes before the last one.
 */
export class SnapshotReceiving {
  readonly snapshot: Snapshot;
  readonly manifest: Manifest;
  readonly #store: Store;

  private constructor(store: Store, snapshot: Snapshot, manifest: Manifest) {
    this.#store = store;
    this.snapshot = snapshot;
    this.manifest = manifest;
  }

  /**
   * Begins to take an offered snapshot, or goes on with the chunks that came of the same one before.
   * `appHash`: what the engine knows the state of that height to be.
   * Codes, in order: `snapshot.format`, `snapshot.metadata`, `snapshot.app-hash`, `snapshot.older`.
   */
  static begin(
    store: Store,
    offered: Snapshot,
    appHash: Uint8Array,
  ): { readonly ok: true; readonly receiving: SnapshotReceiving } | Refusal {
    const read = manifestOf(offered);
    if (!read.ok) return read;
    if (compareBytes(read.manifest.header.appHash, appHash) !== 0) {
      return refuse("snapshot.app-hash", "its block certifies another state than the engine knows");
    }
    if (offered.height <= store.height) {
      return refuse("snapshot.older", `the ledger is at height ${store.height} already`);
    }
    store.write(() => {
      for (const other of store.snapshots.list("arriving")) {
        if (compareBytes(other.hash, offered.hash) !== 0) store.snapshots.drop(other.height);
      }
      store.snapshots.put(offered, "arriving");
    });
    return { ok: true, receiving: new SnapshotReceiving(store, offered, read.manifest) };
  }

  /** The first chunk that has not come. */
  get next(): number {
    return this.#store.snapshots.firstMissing(this.snapshot.height, this.snapshot.chunks);
  }

  get complete(): boolean {
    return this.next === this.snapshot.chunks;
  }

  /** Takes one chunk. Codes: `snapshot.chunk` for one that is not the snapshot's. */
  take(index: number, chunk: Uint8Array): { readonly ok: true } | Refusal {
    const expected = this.manifest.chunks[index];
    const fits = expected !== undefined && chunk.length <= chunkBytesMax;
    if (!fits || compareBytes(sha256(chunk), expected) !== 0) {
      return refuse("snapshot.chunk", `chunk ${index} is not the snapshot's; ask another member`);
    }
    this.#store.write(() => this.#store.snapshots.putChunk(this.snapshot.height, index, chunk));
    return { ok: true };
  }

  /** Forgets all that came of it. */
  drop(): void {
    this.#store.write(() => this.#store.snapshots.drop(this.snapshot.height));
  }
}
