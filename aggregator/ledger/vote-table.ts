import type { DatabaseSync } from "node:sqlite";

/**
 * A word that binds a member among several, on its disk. `height` is 0 and `digest` empty for what
 * concerns a whole view; `record` is for who wrote it.
 */
export type VoteRow = {
  readonly kind: "view" | "new-view" | "accepted" | "prepared";
  readonly epoch: number;
  readonly view: number;
  readonly height: number;
  readonly digest: Uint8Array;
  readonly record: Uint8Array;
};

/** The table of votes: holds what still binds, and no more. The caller's transaction is around it. */
export class VoteTable {
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: DatabaseSync) {
    this.#sql = statements(db);
  }

  /** In the order in which they were written. */
  list(): VoteRow[] {
    return this.#sql.list.all().map((row) => ({
      kind: String(row.kind) as VoteRow["kind"],
      epoch: Number(row.epoch),
      view: Number(row.view),
      height: Number(row.height),
      digest: row.digest as Uint8Array,
      record: row.record as Uint8Array,
    }));
  }

  /** Adds a row, and takes away what it makes void: a member's views only grow. */
  add({ kind, epoch, view, height, digest, record }: VoteRow): void {
    this.#sql.dropEpochs.run(epoch);
    if (kind === "prepared") this.#sql.dropPrepared.run(height);
    // A body of an earlier view is needed as long as it was seen prepared.
    if (kind === "accepted") this.#sql.dropAccepted.run(height, view, height);
    this.#sql.add.run(kind, epoch, view, height, digest, record);
  }

  /** Forgets heights that are certified. */
  dropUpTo(height: number): void {
    this.#sql.dropUpTo.run(height);
  }
}

function statements(db: DatabaseSync) {
  return {
    list: db.prepare("SELECT kind, epoch, view, height, digest, record FROM vote ORDER BY seq"),
    add: db.prepare(
      "INSERT OR REPLACE INTO vote (kind, epoch, view, height, digest, record) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    dropEpochs: db.prepare("DELETE FROM vote WHERE epoch < ?"),
    dropPrepared: db.prepare("DELETE FROM vote WHERE kind = 'prepared' AND height = ?"),
    dropAccepted: db.prepare(
      `DELETE FROM vote WHERE kind = 'accepted' AND height = ? AND view < ?
       AND digest NOT IN (SELECT digest FROM vote WHERE kind = 'prepared' AND height = ?)`,
    ),
    dropUpTo: db.prepare("DELETE FROM vote WHERE height BETWEEN 1 AND ?"),
  };
}
