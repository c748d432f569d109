import type { DatabaseSync } from "node:sqlite";
import type { UtcMs } from "@busbar/protocol";
import { transaction } from "./database.ts";

/** What may stay: readings until `before`, and at most `bytesMax` of database. */
export type Retention = { readonly before: UtcMs; readonly bytesMax: number };

/** Batches that go in one commit, so that pruning never holds up a reading for long. */
const batchesPerStep = 200;
/** The same while the database is too large: few, so that little more goes than has to. */
const batchesPerSmallStep = 8;

/**
 * Deletes the oldest committed batches and their readings: those older than the retention, and more
 * while the database is too large. What has no verified receipt stays, whatever its age, and so does
 * all that follows it in its chain. Returns how many readings went.
 */
export function prune(database: DatabaseSync, { before, bytesMax }: Retention): number {
  let gone = 0;
  for (;;) {
    const tooLarge = usedBytes(database) > bytesMax;
    const step = candidates(database, tooLarge ? undefined : before);
    if (step.length === 0) return gone;
    gone += transaction(database, () => step.reduce((n, batch) => n + drop(database, batch), 0));
  }
}

/** Bytes of the database that hold something. */
export function usedBytes(database: DatabaseSync): number {
  const [pages, free, size] = ["page_count", "freelist_count", "page_size"].map((name) =>
    pragma(database, name),
  );
  return ((pages ?? 0) - (free ?? 0)) * (size ?? 0);
}

/** Bytes of the database, with the pages that are free to be used again. */
export function fileBytes(database: DatabaseSync): number {
  return pragma(database, "page_count") * pragma(database, "page_size");
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
}

type Batch = { readonly meter: string; readonly first: number; readonly last: number };

function candidates(database: DatabaseSync, before: UtcMs | undefined): Batch[] {
  const rows = database
    .prepare(
      `SELECT meter, first, last FROM batch AS b
       WHERE state = 'committed' AND time < ? AND NOT EXISTS (
         SELECT 1 FROM batch AS o WHERE o.meter = b.meter AND o.first < b.first AND o.state <> 'committed')
       ORDER BY time, first LIMIT ?`,
    )
    .all(
      before ?? Number.MAX_SAFE_INTEGER,
      before === undefined ? batchesPerSmallStep : batchesPerStep,
    );
  return rows.map(({ meter, first, last }) => ({
    meter: String(meter),
    first: Number(first),
    last: Number(last),
  }));
}

function drop(database: DatabaseSync, { meter, first, last }: Batch): number {
  database
    .prepare(
      `INSERT INTO anchor SELECT meter, seq, head FROM reading WHERE meter = ? AND seq = ?
       ON CONFLICT (meter) DO UPDATE SET seq = excluded.seq, head = excluded.head`,
    )
    .run(meter, last);
  // All before it are committed too; they may bear later times, where a clock was set back.
  database.prepare("DELETE FROM batch WHERE meter = ? AND first <= ?").run(meter, first);
  const { changes } = database
    .prepare("DELETE FROM reading WHERE meter = ? AND seq <= ?")
    .run(meter, last);
  return Number(changes);
}
