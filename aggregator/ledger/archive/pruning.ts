import assert from "node:assert/strict";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { compareBytes, Failure } from "@busbar/protocol";
import type { Batch } from "../block-table.ts";
import { BlockTable } from "../block-table.ts";
import { openDatabase, transaction } from "../database.ts";
import type { Store } from "../store.ts";
import { Archive, Archives, archiveName, type Range } from "./archive.ts";

/** Blocks between two pauses: some ms of work each. */
const sliceMax = 64;

/** Most blocks of one file. */
const fileMax = 100_000;

/** What a pruning came to. */
export type Pruned = Range & { readonly path: string };

/**
 * Moves blocks whose time is before `before` (site ms) from the store to archive files in `folder`,
 * one slice at each step. None goes that a later snapshot could not stand in for: only blocks up to
 * the newest snapshot's. A file is written aside, read again in full, on disk under its name, and
 * only then do the blocks leave the store; stopped anywhere, the next pruning goes on from there.
 * Throws: `Failure` `archive.write`, `archive.file`, `store.write`.
 */
export function* prune(
  store: Store,
  { folder, before }: { readonly folder: string; readonly before: number },
): Generator<undefined, readonly Pruned[]> {
  const done: Pruned[] = [];
  for (;;) {
    const range = nextRange(store, before);
    if (range === undefined) return done;
    const kept = existing(folder, range.from);
    const made = kept ?? { ...range, path: yield* write(store, range, folder) };
    if (kept !== undefined) insistSame(store, kept);
    yield* drop(store, made.to);
    done.push(made);
  }
}

function nextRange(store: Store, before: number): Range | undefined {
  const from = store.base + 1;
  const newest = store.snapshots.list()[0]?.height ?? 0;
  // The last block older than `before`, by halving: times never fall.
  let [low, high] = [store.base, Math.min(newest, store.base + fileMax)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const time = store.header(middle)?.header.time;
    assert(time !== undefined, "the store holds every block above its base");
    if (time < before) low = middle;
    else high = middle - 1;
  }
  return low < from ? undefined : { from, to: low };
}

/** A file that an earlier pruning had finished when it was stopped. */
function existing(folder: string, from: number): Pruned | undefined {
  const archives = new Archives(folder);
  try {
    const found = archives.files.find((file) => file.from === from);
    return found && { from, to: found.to, path: found.path };
  } finally {
    archives.close();
  }
}

function insistSame(store: Store, { from, to, path }: Pruned): void {
  const archive = new Archive(path, { from, to });
  try {
    const [here, there] = [store.header(to)?.hash, archive.blocks.header(to)?.hash];
    const fault = archive.check();
    const same = here !== undefined && there !== undefined && compareBytes(here, there) === 0;
    if (same && fault === undefined) return;
    const why =
      fault === undefined ? "is of another chain" : `block ${fault.height} ${fault.message}`;
    throw new Failure("archive.file", `${path}: ${why}; move it elsewhere, then prune again`, {
      retry: "never",
    });
  } finally {
    archive.close();
  }
}

function* write(store: Store, range: Range, folder: string): Generator<undefined, string> {
  const path = join(folder, archiveName(range));
  const aside = `${path}.part`;
  try {
    mkdirSync(folder, { recursive: true });
    for (const end of ["", "-wal", "-shm"]) rmSync(`${aside}${end}`, { force: true });
    const db = openDatabase(aside);
    try {
      const blocks = new BlockTable(db);
      for (let next = range.from; next <= range.to; next += sliceMax) {
        const last = Math.min(range.to, next + sliceMax - 1);
        transaction(db, () => copy(store, blocks, { from: next, to: last }));
        yield;
      }
      // One file that nothing stands beside.
      db.exec("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE;");
    } finally {
      db.close();
    }
    insistSound(aside, range);
    sync(aside);
    renameSync(aside, path);
    sync(dirname(path));
    return path;
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure("archive.write", `${path}: cannot write the archive; nothing was pruned`, {
      retry: "later",
      cause,
    });
  }
}

function copy(store: Store, to: BlockTable, range: Range): void {
  for (let height = range.from; height <= range.to; height++) {
    const block = store.block(height);
    assert(block !== undefined, "the store holds every block above its base");
    to.insert(block, batchesOf(store, height));
  }
}

function batchesOf({ db }: Store, height: number): Batch[] {
  return db
    .prepare("SELECT meter, first, last, idx FROM reading WHERE height = ?")
    .all(height)
    .map((row) => ({
      meter: String(row.meter),
      first: Number(row.first),
      last: Number(row.last),
      index: Number(row.idx),
    }));
}

function insistSound(path: string, range: Range): void {
  const archive = new Archive(path, range);
  try {
    const fault = archive.check();
    if (fault === undefined) return;
    throw new Failure(
      "archive.write",
      `${path}: block ${fault.height} ${fault.message} in what was just written; nothing was pruned. ` +
        "Look at the disk, and run busbar-aggregator verify",
      { retry: "never" },
    );
  } finally {
    archive.close();
  }
}

function* drop(store: Store, to: number): Generator<undefined, void> {
  while (store.base < to) {
    const end = Math.min(to, store.base + sliceMax);
    store.write(() => store.drop(end));
    yield;
  }
}

function sync(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
