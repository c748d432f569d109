import type { DatabaseSync } from "node:sqlite";
import { type Snapshot, snapshotFormat } from "./format.ts";

/** `making`: not all chunks are written; `arriving`: not all have come; `ready`: for whoever asks. */
type Stage = "making" | "arriving" | "ready";

/** Snapshots in the ledger's file. The caller's transaction surrounds what is written. */
export class SnapshotTable {
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: DatabaseSync) {
    this.#sql = statements(db);
  }

  /** Those of a stage, newest first. */
  list(stage: Stage = "ready"): Snapshot[] {
    return this.#sql.list.all(stage).map((row) => ({
      height: Number(row.height),
      format: snapshotFormat,
      chunks: Number(row.chunks),
      hash: row.hash as Uint8Array,
      metadata: row.metadata as Uint8Array,
    }));
  }

  put({ height, chunks, hash, metadata }: Snapshot, stage: Stage): void {
    this.#sql.put.run(height, stage, chunks, hash, metadata);
  }

  /** Keeps the height's place while its chunks are made. */
  begin(height: number): void {
    this.drop(height);
    this.#sql.put.run(height, "making", 0, new Uint8Array(), new Uint8Array());
  }

  drop(height: number): void {
    this.#sql.drop.run(height);
    this.#sql.dropChunks.run(height);
  }

  putChunk(height: number, index: number, chunk: Uint8Array): void {
    this.#sql.putChunk.run(height, index, chunk);
  }

  chunk(height: number, index: number): Uint8Array | undefined {
    return this.#sql.chunk.get(height, index)?.bytes as Uint8Array | undefined;
  }

  /** How many chunks of a height are here. */
  count(height: number): number {
    return Number(this.#sql.count.get(height)?.n);
  }

  /** The lowest chunk of a height that is not here; its count where all are. */
  firstMissing(height: number, chunks: number): number {
    for (let index = 0; index < chunks; index++) {
      if (this.#sql.hasChunk.get(height, index) === undefined) return index;
    }
    return chunks;
  }
}

function statements(db: DatabaseSync) {
  return {
    list: db.prepare(
      "SELECT height, chunks, hash, metadata FROM snapshot WHERE stage = ? ORDER BY height DESC",
    ),
    put: db.prepare(
      "INSERT OR REPLACE INTO snapshot (height, stage, chunks, hash, metadata) VALUES (?, ?, ?, ?, ?)",
    ),
    drop: db.prepare("DELETE FROM snapshot WHERE height = ?"),
    dropChunks: db.prepare("DELETE FROM snapshot_chunk WHERE height = ?"),
    putChunk: db.prepare(
      "INSERT OR REPLACE INTO snapshot_chunk (height, idx, bytes) VALUES (?, ?, ?)",
    ),
    chunk: db.prepare("SELECT bytes FROM snapshot_chunk WHERE height = ? AND idx = ?"),
    hasChunk: db.prepare("SELECT 1 FROM snapshot_chunk WHERE height = ? AND idx = ?"),
    count: db.prepare("SELECT count(*) AS n FROM snapshot_chunk WHERE height = ?"),
  };
}
