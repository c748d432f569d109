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

/**
 * Opens the archive of what was pruned for as long as `use` runs. `from` is the height after which it and
 * the store, of whose first height `base` is the one before, have every block.
 */
export type OlderBlocks = <T>(
  base: number,
  use: (older: { readonly from: number; readonly block: (height: number) => CommittedBlock }) => T,
) => T;

/** Where a projection's blocks are. */
export type ProjectedBlocks = {
  readonly base: number;
  readonly height: number;
  readonly block: (height: number) => CommittedBlock;
  readonly older: OlderBlocks;
};

/** Of a ledger of which nothing was archived. */
export const nothingOlder: OlderBlocks = (base, use) =>
  use({
    from: base,
    block: (height) => {
      throw new Failure("store.older", `block ${height} is in no archive`, { retry: "never" });
    },
  });

/** Blocks applied in one transaction while a projection catches up. */
const catchUpMax = 500;

/**
 * Creates the projections' tables and brings each to the store's height; one that is made anew from the
 * archive's first block on. Throws what opening an archive throws.
 */
export function openProjections(
  db: DatabaseSync,
  projections: readonly Projection[],
  {
    base = 0,
    older = nothingOlder,
    height,
    block,
  }: Pick<ProjectedBlocks, "height" | "block"> & Partial<ProjectedBlocks>,
): void {
  const catchUp = (projection: Projection, seen: number, of: ProjectedBlocks["block"]) => {
    for (let done = seen; done < height; done += catchUpMax) {
      const to = Math.min(height, done + catchUpMax);
      transaction(db, () => {
        for (let next = done + 1; next <= to; next++) applyProjection(db, projection, of(next));
      });
    }
  };
  for (const projection of projections) {
    const seen = transaction(db, () => create(db, projection));
    if (seen >= base) catchUp(projection, seen, block);
    // Of blocks that are nowhere, nothing can be shown.
    else
      older(base, (archived) => {
        const of = (next: number) => (next <= base ? archived : { block }).block(next);
        catchUp(projection, Math.max(seen, archived.from), of);
      });
  }
}

/**
 * Makes a projection's tables anew from the blocks, at once or not at all. Returns the height after which
 * it had them.
 */
export function rebuildProjection(
  db: DatabaseSync,
  projection: Projection,
  { base, older, height, block }: ProjectedBlocks,
): number {
  const rebuild = ({ from, block: archived }: Pick<ProjectedBlocks, "block"> & { from: number }) =>
    transaction(db, () => {
      db.prepare("UPDATE projection SET schema = '' WHERE name = ?").run(projection.name);
      create(db, projection);
      for (let next = from + 1; next <= height; next++) {
        applyProjection(db, projection, next <= base ? archived(next) : block(next));
      }
      return from;
    });
  return base === 0 ? rebuild({ from: 0, block }) : older(base, rebuild);
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
