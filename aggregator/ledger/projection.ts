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
 * changes, they are dropped and filled again from the first block that the store holds; one that begins
 * with what it was before goes on from the tables as they are, and what follows brings them along.
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

/** First and last height of some blocks. */
export type Heights = { readonly from: number; readonly to: number };

/** What an archive has: `from` is the height after which it and the store have every block; `missing` are those in neither. */
type Older = {
  readonly from: number;
  readonly missing: readonly Heights[];
  readonly block: (height: number) => CommittedBlock;
};

/** Opens the archive of what was pruned for as long as `use` runs; `base` is the height before the store's first. */
export type OlderBlocks = <T>(base: number, use: (older: Older) => T) => T;

/** A projection that was made anew without some blocks: it tells nothing of up to `until`. */
export type Lack = {
  readonly projection: string;
  readonly until: number;
  readonly missing: readonly Heights[];
};

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
    missing: base === 0 ? [] : [{ from: 1, to: base }],
    block: (height) => {
      throw new Failure("store.older", `block ${height} is in no archive`, { retry: "never" });
    },
  });

/** Blocks applied in one transaction while a projection catches up. */
const catchUpMax = 500;

/**
 * Creates the projections' tables and brings each to the store's height; one that is made anew from the
 * archive's first block on. Returns those whose blocks are not all there. Throws what opening an archive throws.
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
): readonly Lack[] {
  const lacks: Lack[] = [];
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
        const { from: until, missing } = archived;
        if (until > seen) lacks.push({ projection: projection.name, until, missing });
        const of = (next: number) => (next <= base ? archived : { block }).block(next);
        catchUp(projection, Math.max(seen, until), of);
      });
  }
  return lacks;
}

/** Makes a projection's tables anew from the blocks, at once or not at all. Returns what it lacks of them. */
export function rebuildProjection(
  db: DatabaseSync,
  projection: Projection,
  { base, older, height, block }: ProjectedBlocks,
): Lack {
  const rebuild = ({ from, missing, block: archived }: Older) =>
    transaction(db, () => {
      db.prepare("UPDATE projection SET schema = '' WHERE name = ?").run(projection.name);
      create(db, projection);
      for (let next = from + 1; next <= height; next++) {
        applyProjection(db, projection, next <= base ? archived(next) : block(next));
      }
      return { projection: projection.name, until: from, missing };
    });
  return base === 0 ? rebuild({ from: 0, missing: [], block }) : older(base, rebuild);
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
  const before = String(known?.schema ?? "");
  if (before !== "" && schema.startsWith(before)) {
    db.exec(schema.slice(before.length));
    db.prepare("UPDATE projection SET schema = ? WHERE name = ?").run(schema, name);
    return Number(known?.height);
  }
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
