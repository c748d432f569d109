import { DatabaseSync } from "node:sqlite";
import { Failure } from "@busbar/protocol";
import { migrations, schemaVersion } from "./migrations.ts";

/** How long a write waits for another process that looks into the file, or upgrades it. */
const busyMsMax = 10_000;

/** Pages held in memory: frames are found by their hashes, which lie anywhere in the file. */
const cacheKb = 32 * 1024;

/** Pages of the log after which they are put into the file: one that many blocks change goes there once. */
const checkpointPages = 4_000;

/** "busb": names the file's owner to `file` and SQLite tools. */
const applicationId = 0x62757362;

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
    db.exec(`PRAGMA cache_size=-${cacheKb}; PRAGMA wal_autocheckpoint=${checkpointPages};`);
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
    // Another process may have upgraded the file while this one waited for it.
    for (const migration of migrations.slice(pragma(db, "user_version"))) db.exec(migration);
    db.exec(`PRAGMA application_id=${applicationId}; PRAGMA user_version=${schemaVersion};`);
  });
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}
