import { DatabaseSync } from "node:sqlite";
import { Failure } from "@busbar/protocol";
import { SqliteState } from "./state/sqlite-state.ts";

/** How long a write waits for another process that looks into the file, or upgrades it. */
const busyMsMax = 10_000;

/** Raised with every change that an older program could not read. */
const schemaVersion = 1;

/** "busb": names the file's owner to `file` and SQLite tools. */
const applicationId = 0x62757362;

const schema = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS block (
  height INTEGER PRIMARY KEY, header BLOB NOT NULL, certificate BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tx (
  height INTEGER NOT NULL, idx INTEGER NOT NULL, frame BLOB NOT NULL, hash BLOB NOT NULL,
  signer TEXT NOT NULL, code TEXT NOT NULL, PRIMARY KEY (height, idx)) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS tx_hash ON tx (hash);
CREATE TABLE IF NOT EXISTS event (
  height INTEGER NOT NULL, idx INTEGER NOT NULL, type TEXT NOT NULL, json TEXT NOT NULL,
  PRIMARY KEY (height, idx)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reading (
  meter TEXT NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL, height INTEGER NOT NULL,
  idx INTEGER NOT NULL, PRIMARY KEY (meter, last)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pool (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, frame BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS projection (
  name TEXT PRIMARY KEY NOT NULL, schema TEXT NOT NULL, height INTEGER NOT NULL) STRICT, WITHOUT ROWID;
${SqliteState.schema}
`;

/**
 * Opens the ledger's file, or a ledger in memory for `:memory:`. A transaction that returned is on
 * disk: WAL with `synchronous=FULL`.
 * Throws: `Failure` `store.open`, `store.foreign` (another program's file), `store.newer`.
 */
export function openDatabase(path: string): DatabaseSync {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(path, { timeout: busyMsMax });
    db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
  } catch (cause) {
    throw new Failure("store.open", `${path}: cannot open the ledger's store`, {
      retry: "never",
      cause,
    });
  }
  try {
    prepare(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Runs `body` in one transaction: all of it is on disk afterwards, or nothing. */
export function transaction<T>(db: DatabaseSync, body: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    // A failed COMMIT (disk full) may have ended the transaction already.
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

function prepare(db: DatabaseSync, path: string): void {
  const owner = pragma(db, "application_id");
  const version = pragma(db, "user_version");
  const empty = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n === 0;
  if (!empty && owner !== applicationId) {
    throw new Failure(
      "store.foreign",
      `${path}: this SQLite file is no ledger; name another file`,
      {
        retry: "never",
      },
    );
  }
  if (version > schemaVersion) {
    throw new Failure(
      "store.newer",
      `${path}: written by a newer program (schema ${version}, this one reads ${schemaVersion}); upgrade`,
      { retry: "never" },
    );
  }
  // A file that is as it should be is only read: who looks into it takes no lock.
  if (!empty && version === schemaVersion) return;
  transaction(db, () => {
    db.exec(schema);
    db.exec(`PRAGMA application_id=${applicationId}; PRAGMA user_version=${schemaVersion};`);
  });
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}
