import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Failure } from "@busbar/protocol";
import { takeLock } from "../process-lock.ts";

/** One step for each version; an older file is brought up to the newest, a newer one refused. */
const migrations = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
  -- Where a meter's chain begins here: the last pruned reading, absent while nothing was pruned.
  CREATE TABLE anchor (meter TEXT PRIMARY KEY, seq INTEGER NOT NULL, head BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE reading (
    meter TEXT NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,
    payload BLOB NOT NULL, head BLOB NOT NULL,
    PRIMARY KEY (meter, seq)
  ) WITHOUT ROWID;
  CREATE INDEX reading_time ON reading (meter, time);
  CREATE TABLE batch (
    meter TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, time INTEGER NOT NULL,
    frame BLOB NOT NULL, ref BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('signed', 'sent', 'committed', 'refused')),
    code TEXT, receipt BLOB,
    PRIMARY KEY (meter, first)
  );
  CREATE INDEX batch_open ON batch (meter, first) WHERE state <> 'committed';
  CREATE TABLE market (
    ref BLOB PRIMARY KEY, kind TEXT NOT NULL, slot INTEGER NOT NULL,
    opens INTEGER NOT NULL, closes INTEGER NOT NULL, frame BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('signed', 'sent', 'committed', 'refused')),
    code TEXT, receipt BLOB,
    UNIQUE (kind, slot)
  );
  `,
  // Pruning begins with the oldest: without an index each step would sort all batches there are.
  "CREATE INDEX batch_done ON batch (time, first) WHERE state = 'committed'",
  // Readings that the ledger cannot take: it held later ones of the meter when the unit took its
  // chain over. Kept to be looked at; their numbers are those of the journal at that time.
  `CREATE TABLE aside (
    meter TEXT NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL, payload BLOB NOT NULL
  )`,
  // Readings whose time is not known yet, in the order in which they were taken.
  `CREATE TABLE held (
    id INTEGER PRIMARY KEY AUTOINCREMENT, meter TEXT NOT NULL, serial TEXT, profile TEXT,
    boot TEXT NOT NULL, monotonic INTEGER NOT NULL, wall INTEGER NOT NULL, payload BLOB NOT NULL
  )`,
  // A slot passes through several gates, each with quotes of its own. Those that are there were for
  // its only one: it closed when the commitment did.
  `ALTER TABLE market RENAME TO market_before;
   CREATE TABLE market (
     ref BLOB PRIMARY KEY, kind TEXT NOT NULL, slot INTEGER NOT NULL, gate INTEGER NOT NULL,
     opens INTEGER NOT NULL, closes INTEGER NOT NULL, frame BLOB NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('signed', 'sent', 'committed', 'refused')),
     code TEXT, receipt BLOB,
     UNIQUE (kind, slot, gate)
   );
   INSERT INTO market SELECT ref, kind, slot,
     CASE kind WHEN 'quote-commit' THEN closes ELSE opens END,
     opens, closes, frame, state, code, receipt FROM market_before;
   DROP TABLE market_before`,
];
const schemaVersion = migrations.length;

/** The form of the journal that this program writes: an older program cannot open it any more. */
export const journalVersion = schemaVersion;

/** Pages that SQLite keeps in memory, 2000 KiB by itself: a unit works at the ends of its chains, and
 * the kernel keeps what else it looks at. */
const cacheKib = 600;

/**
 * Opens the unit's database, or makes it. Every commit is on the disk before the call returns.
 * Throws: `Failure` `journal.damaged`, `journal.unusable`, `journal.newer`.
 */
export function openDatabase(path: string): DatabaseSync {
  try {
    makeFolder(dirname(path));
    const database = new DatabaseSync(path, { timeout: 5_000 });
    // FULL: with NORMAL a power cut may take the last commits, which were acknowledged.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    database.exec(`PRAGMA cache_size = -${cacheKib}`);
    migrate(database, path);
    return database;
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw unusable(path, cause);
  }
}

/** Opens it to look, beside a running unit. Throws: as `openDatabase`, and `journal.none`. */
export function openDatabaseToRead(path: string): DatabaseSync {
  try {
    if (!existsSync(path)) {
      const message = `${path}: there is no journal yet; busbar-edge run begins one`;
      throw new Failure("journal.none", message, { retry: "never" });
    }
    const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    checkVersion(versionOf(database), path);
    return database;
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw unusable(path, cause);
  }
}

/**
 * Keeps other processes from writing the same journal: two writers would fork its chains. The lock
 * ends with the process, however it ends. Throws: `Failure` `journal.in-use`.
 */
export function lockFolder(folder: string): { release(): void } {
  const lock = lockOf(folder);
  if (lock !== undefined) return lock;
  const message = `${folder}: a busbar-edge that runs writes here; stop it first (sudo systemctl stop busbar-edge), or give this unit its own "data" folder`;
  throw new Failure("journal.in-use", message, { retry: "never" });
}

function lockOf(folder: string): { release(): void } | undefined {
  try {
    makeFolder(folder);
    return takeLock(join(folder, "run.lock"));
  } catch (cause) {
    throw unusable(folder, cause);
  }
}

/** Whether SQLite says that the disk or the file is at fault, not the program: full, gone, locked. */
export function isDiskFault(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ERR_SQLITE_ERROR";
}

/**
 * Runs `work` as one commit: all of it is on the disk afterwards, or none. Inside another one it is a
 * part of that.
 */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  if (database.isTransaction) return work();
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** SQLite syncs the folder of its files, and nobody the folders above: a power cut would take all. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = resolve(folder); made !== dirname(first); made = dirname(made)) {
    const parent = openSync(dirname(made), "r");
    fsyncSync(parent);
    closeSync(parent);
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const version = versionOf(database);
  checkVersion(version, path);
  if (version === schemaVersion) return;
  transaction(database, () => {
    for (const step of migrations.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${schemaVersion}`);
  });
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.user_version ?? 0);
}

function checkVersion(version: number, path: string): void {
  if (version <= schemaVersion) return;
  const message = `${path}: written by a newer busbar-edge (tables ${version}, known ${schemaVersion}); update this one`;
  throw new Failure("journal.newer", message, { retry: "never" });
}

/** SQLITE_CORRUPT, SQLITE_NOTADB */
const damageCodes: readonly unknown[] = [11, 26];

/** Whether SQLite says that what stands in the file is no whole database. */
export function isDamage(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode;
  return code !== undefined && damageCodes.includes(code & 0xff);
}

/** What to do about a damaged journal. */
export const damageRemedy =
  "stop the unit and run busbar-edge journal set-aside: it keeps the file, and the next start goes on behind the ledger's chain; then look at the disk";

function unusable(path: string, cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (isDamage(cause)) {
    const message = `${path}: is damaged, or no journal (${reason}); ${damageRemedy}`;
    return new Failure("journal.damaged", message, { retry: "never", cause });
  }
  const message = `${path}: cannot be used (${reason}); check the folder's owner, the disk and its free space`;
  return new Failure("journal.unusable", message, { retry: "never", cause });
}
