import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Changes } from "./overlay.ts";
import { ScanMemory } from "./scan-memory.ts";
import type { StateReader } from "./state.ts";

/** Values held in memory, in each of two generations. One value keeps one identity while it is held, so
 * tables decode it once. */
const cachedMax = 20_000;

/** Keys that are known to have no value; a unit without a status is asked for with each of its batches. */
const absentMax = 20_000;

const columns = `
    key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;`;

type Row = { readonly key: string; readonly value: Uint8Array };

/** The committed state: the table `state` of the ledger's database. */
export class SqliteState implements StateReader {
  readonly #db: DatabaseSync;
  readonly #get: StatementSync;
  readonly #any: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  /** Scans at rest; a statement serves one walk at a time, and walks may nest. */
  readonly #scans: StatementSync[] = [];
  readonly #cache = new TwoGenerations(cachedMax);
  readonly #absent = new Set<string>();
  /** Tables of which it is known whether anything is in them: many are empty on most sites. */
  readonly #isEmpty = new Map<string, boolean>();
  readonly #walks = new ScanMemory();

  static readonly schema = `CREATE TABLE IF NOT EXISTS state (${columns}`;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#get = db.prepare("SELECT value FROM state WHERE key = ?");
    this.#any = db.prepare("SELECT 1 FROM state WHERE key >= ? AND key < ? LIMIT 1");
    this.#put = db.prepare("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)");
    this.#delete = db.prepare("DELETE FROM state WHERE key = ?");
  }

  get(key: string): Uint8Array | undefined {
    const held = this.#cache.get(key);
    if (held !== undefined) return held;
    if (this.#absent.has(key)) return undefined;
    // Of an empty table no single key has to be known.
    if (this.#hasNone(key)) return undefined;
    const row = this.#get.get(key) as Row | undefined;
    if (row === undefined) {
      if (this.#absent.size >= absentMax) this.#absent.clear();
      this.#absent.add(key);
      return undefined;
    }
    this.#cache.set(key, row.value);
    return row.value;
  }

  /** Whether the key's whole table is empty. */
  #hasNone(key: string): boolean {
    const end = key.indexOf("/") + 1;
    if (end === 0) return false;
    const prefix = key.slice(0, end);
    const known = this.#isEmpty.get(prefix);
    if (known !== undefined) return known;
    const isEmpty = this.#any.get(prefix, `${prefix}\x7f`) === undefined;
    this.#isEmpty.set(prefix, isEmpty);
    return isEmpty;
  }

  scan(prefix: string): Iterable<readonly [string, Uint8Array]> {
    // Keys are printable ASCII: DEL sorts after whatever may follow the prefix, a blank right behind a key.
    return this.#walks.walk(prefix, (after) =>
      this.#read(after === undefined ? prefix : `${after} `, `${prefix}\x7f`),
    );
  }

  *#read(from: string, to: string): Iterable<readonly [string, Uint8Array]> {
    const statement =
      this.#scans.pop() ??
      this.#db.prepare("SELECT key, value FROM state WHERE key >= ? AND key < ? ORDER BY key");
    try {
      for (const row of statement.iterate(from, to) as Iterable<Row>) {
        const held = this.#cache.get(row.key);
        if (held === undefined) this.#cache.set(row.key, row.value);
        yield [row.key, held ?? row.value];
      }
    } finally {
      this.#scans.push(statement);
    }
  }

  /** Writes a block's changes; the caller's transaction surrounds it. */
  write(changes: Changes): void {
    this.#walks.open();
    // In their order: neighbours lie on one page.
    const inOrder = [...changes].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, value] of inOrder) {
      this.#absent.delete(key);
      if (value === undefined) {
        this.#delete.run(key);
        continue;
      }
      this.#put.run(key, value);
      this.#isEmpty.set(key.slice(0, key.indexOf("/") + 1), false);
    }
  }

  /** Forgets what is held in memory, after others wrote. */
  forget(): void {
    this.#cache.clear();
    this.#absent.clear();
    this.#isEmpty.clear();
    this.#walks.clear();
  }

  /** Follows a write that is on disk now. */
  written(changes: Changes): void {
    this.#walks.close();
    for (const [key, value] of changes) {
      this.#cache.delete(key);
      this.#walks.written(key, value);
      if (value !== undefined) this.#cache.set(key, value);
    }
  }
}

/**
 * A cache that forgets what was not asked for since it filled up last. Taking out one entry after the
 * other would do as well, but that the first of a map takes the longer to find the more were taken out.
 */
class TwoGenerations {
  readonly #max: number;
  #young = new Map<string, Uint8Array>();
  #old = new Map<string, Uint8Array>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): Uint8Array | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: Uint8Array): void {
    if (this.#young.size >= this.#max) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }
}

/**
 * A state beside the one that is in force, which takes its place at once. The caller's transactions
 * surround what is written; what an ended process left of one is begun anew.
 */
export class NextState {
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    NextState.drop(db);
    db.exec(`CREATE TABLE state_next (${columns}`);
    this.#put = db.prepare("INSERT INTO state_next (key, value) VALUES (?, ?)");
  }

  put(key: string, value: Uint8Array): void {
    this.#put.run(key, value);
  }

  /** Who holds anything of the state before in memory has to forget it. */
  putInForce(): void {
    this.#db.exec("DROP TABLE state; ALTER TABLE state_next RENAME TO state;");
  }

  /** Takes one away that did not come to its place. */
  static drop(db: DatabaseSync): void {
    db.exec("DROP TABLE IF EXISTS state_next");
  }
}
