import type { DatabaseSync } from "node:sqlite";
import { Failure } from "@busbar/protocol";
import type { CommittedBlock } from "./block.ts";
import { transaction } from "./database.ts";
import type { LedgerEvent } from "./events.ts";

/**
 * Tables that follow from the blocks and can be made again from them at any time: the read model,
 * the notices' outbox. It is written in the transaction of the block itself, so it neither misses
 * nor repeats one.
 *
 * Shape: `schema` creates tables whose names start with `<name>_`, and nothing else. When it
 * changes, they are dropped and filled again from the first block that the store holds.
 */
export type Projection = {
  readonly name: string;
  readonly schema: string;
  /**
   * Makes the tables, of other names, that hold what no block tells (what was sent, and when): they
   * are never dropped. Runs at every start; `seen` is the height that the projection had come to,
   * whatever its schema was.
   */
  keep?(db: DatabaseSync, seen: number): void;
  apply(db: DatabaseSync, block: CommittedBlock, events: readonly LedgerEvent[]): void;
};

/** Blocks applied in one transaction while a projection catches up. */
const catchUpMax = 500;

/** Creates the projections' tables and brings each to the store's height, from `base` on. */
export function openProjections(
  db: DatabaseSync,
  projections: readonly Projection[],
  {
    base = 0,
    height,
    block,
  }: { base?: number; height: number; block: (height: number) => CommittedBlock },
): void {
  for (const projection of projections) {
    // Of blocks that are not here, nothing can be shown.
    let done = Math.max(
      base,
      transaction(db, () => create(db, projection)),
    );
    while (done < height) {
      const to = Math.min(height, done + catchUpMax);
      transaction(db, () => {
        for (let next = done + 1; next <= to; next++) applyProjection(db, projection, block(next));
      });
      done = to;
    }
  }
}

/** Makes a projection's tables anew from the blocks, at once or not at all. */
export function rebuildProjection(
  db: DatabaseSync,
  projection: Projection,
  {
    base,
    height,
    block,
  }: { base: number; height: number; block: (height: number) => CommittedBlock },
): void {
  transaction(db, () => {
    db.prepare("UPDATE projection SET schema = '' WHERE name = ?").run(projection.name);
    create(db, projection);
    for (let next = base + 1; next <= height; next++) applyProjection(db, projection, block(next));
  });
}

/** Applies one block; the caller's transaction surrounds it. */
export function applyProjection(
  db: DatabaseSync,
  projection: Projection,
  block: CommittedBlock,
): void {
  projection.apply(db, block, block.events);
  db.prepare("UPDATE projection SET height = ? WHERE name = ?").run(
    block.header.height,
    projection.name,
  );
}

/** Lets all projections go on behind a height whose blocks they did not see. */
export function skipProjections(db: DatabaseSync, height: number): void {
  db.prepare("UPDATE projection SET height = ?").run(height);
}

/** Returns the height that the projection has seen. */
function create(db: DatabaseSync, projection: Projection): number {
  const { name, schema } = projection;
  if (!/^[a-z]+$/.test(name)) {
    throw new Failure(
      "store.projection",
      `a projection's name is lower-case letters, got ${name}`,
      {
        retry: "never",
      },
    );
  }
  const known = db.prepare("SELECT schema, height FROM projection WHERE name = ?").get(name);
  projection.keep?.(db, Number(known?.height ?? 0));
  if (known?.schema === schema) return Number(known.height);
  const tables = db
    // Newest first: a table goes before the one that it refers to.
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB ? ORDER BY rowid DESC",
    )
    .all(`${name}_*`);
  for (const table of tables) db.exec(`DROP TABLE "${String(table.name)}"`);
  db.exec(schema);
  db.prepare("INSERT OR REPLACE INTO projection (name, schema, height) VALUES (?, ?, 0)").run(
    name,
    schema,
  );
  return 0;
}
