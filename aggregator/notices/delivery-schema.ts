import type { DatabaseSync } from "node:sqlite";

/** `next` of a delivery that waits for its owner, or for its hour, and not for a time of the wall clock. */
export const parked = Number.MAX_SAFE_INTEGER;

/**
 * What became of the notices: one row for each channel that one has to go out by, counts, and the height
 * up to which deliveries were made out. No rebuild of the notices touches it, so nothing is sent again.
 *
 * `next` is wall ms, `hold` site ms: it is 0, or the row waits for that hour. `digest` is the instant
 * (site ms) whose digest the row belongs to, or 0. `held` is what `hold` was in the beginning. `height` is 0 for what no block told.
 * `made` is the notice's time (site ms). `since` is the wall ms from which on its receiver took nothing, or 0.
 * Of what was delivered the count goes on when its row is forgotten.
 */
const tables = `
  CREATE TABLE IF NOT EXISTS delivery (
    notice TEXT NOT NULL, channel TEXT NOT NULL, owner TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, next INTEGER NOT NULL, error TEXT,
    PRIMARY KEY (notice, channel)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS delivery_count (state TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;
  CREATE TRIGGER IF NOT EXISTS delivery_added AFTER INSERT ON delivery BEGIN
    INSERT INTO delivery_count VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
  END;
  CREATE TRIGGER IF NOT EXISTS delivery_moved AFTER UPDATE OF state ON delivery
  WHEN old.state <> new.state BEGIN
    UPDATE delivery_count SET n = n - 1 WHERE state = old.state;
    INSERT INTO delivery_count VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
  END;
  CREATE TRIGGER IF NOT EXISTS delivery_forgotten AFTER DELETE ON delivery
  WHEN old.state <> 'delivered' BEGIN
    UPDATE delivery_count SET n = n - 1 WHERE state = old.state;
  END;
  CREATE TABLE IF NOT EXISTS delivery_reach (
    one INTEGER PRIMARY KEY CHECK (one = 1), height INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS delivery_time (height INTEGER PRIMARY KEY, time INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS delivery_log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, notice TEXT NOT NULL, channel TEXT NOT NULL,
    at INTEGER NOT NULL, took INTEGER NOT NULL, error TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS delivery_log_notice ON delivery_log (notice);
  CREATE TABLE IF NOT EXISTS delivery_extra (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, time INTEGER NOT NULL, json TEXT NOT NULL
  ) STRICT;
`;

/** What files of before this version lack; a default that fits every row of theirs. */
const added = [
  ["delivery", "height", "INTEGER NOT NULL DEFAULT 0"],
  ["delivery", "hold", "INTEGER NOT NULL DEFAULT 0"],
  ["delivery", "digest", "INTEGER NOT NULL DEFAULT 0"],
  ["delivery", "held", "INTEGER NOT NULL DEFAULT 0"],
  ["delivery", "made", "INTEGER NOT NULL DEFAULT 0"],
  ["delivery", "since", "INTEGER NOT NULL DEFAULT 0"],
  ["delivery_reach", "since", "INTEGER NOT NULL DEFAULT 1"],
] as const;

const indexes = `
  CREATE INDEX IF NOT EXISTS delivery_lane ON delivery (owner, channel, next) WHERE state = 'queued';
  CREATE INDEX IF NOT EXISTS delivery_due ON delivery (next, owner, channel) WHERE state = 'queued';
  CREATE INDEX IF NOT EXISTS delivery_held ON delivery (hold) WHERE state = 'queued' AND hold > 0;
  CREATE INDEX IF NOT EXISTS delivery_owner ON delivery (owner);
  DROP INDEX IF EXISTS delivery_dead;
  CREATE INDEX IF NOT EXISTS delivery_state ON delivery (state);
`;

/** Of so many blocks their time is known: nobody says how far it has come with less. */
const timesMax = 10_000;

/** Notes a block's time (site ms). */
export function noteTime(db: DatabaseSync, height: number, time: number): void {
  db.prepare("INSERT OR IGNORE INTO delivery_time (height, time) VALUES (?, ?)").run(height, time);
  db.prepare("DELETE FROM delivery_time WHERE height <= ?").run(height - timesMax);
}

/**
 * A block's time. What a member says up to a height it says of what was due by then: what a digest or the
 * quiet hours hold for longer is neither sent nor missing. All members know the same time of a block.
 */
export function timeAt(db: DatabaseSync, height: number): number | undefined {
  const row = db.prepare("SELECT time FROM delivery_time WHERE height = ?").get(height);
  return row === undefined ? undefined : Number(row.time);
}

/** Rows of deliveries that are looked at in one go. */
const forgetMax = 5_000;

/**
 * Forgets how notices fared that are older than this (site ms), whatever became of them; the notices stay. Rows
 * stand in the order of their time, so the first ones tell. Call it again and again.
 */
export function forgetBefore(db: DatabaseSync, before: number): void {
  db.prepare(
    `DELETE FROM delivery WHERE rowid IN (
       SELECT number FROM (SELECT rowid AS number, made FROM delivery ORDER BY rowid LIMIT ${forgetMax})
       WHERE made < ?)`,
  ).run(before);
  db.prepare("DELETE FROM delivery_extra WHERE time < ?").run(before);
}

/** The time of what older versions made out; that of a notice that is gone is not known any more. */
function noteMade(db: DatabaseSync): void {
  const [timed] = db
    .prepare("SELECT name FROM pragma_table_info('notice_message') WHERE name = 'time'")
    .all();
  const told = timed === undefined ? "NULL" : "(SELECT time FROM notice_message WHERE id = notice)";
  db.exec(
    `UPDATE delivery SET made = coalesce(${told}, (SELECT time FROM delivery_extra WHERE id = notice), 0)`,
  );
}

/**
 * Makes the tables, and brings those of older files along. `seen`: the height that the notices have come
 * to: what was told until then needs no delivery, where none was made out.
 */
export function makeDeliveryTables(db: DatabaseSync, seen: number): void {
  db.exec(tables);
  for (const [table, column, type] of added) {
    const columns = db.prepare(`SELECT name FROM pragma_table_info('${table}')`).all();
    if (columns.some(({ name }) => name === column)) continue;
    db.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
    if (column === "held") db.exec("UPDATE delivery SET held = hold");
    if (column === "made") noteMade(db);
  }
  db.exec(indexes);
  db.prepare("INSERT OR IGNORE INTO delivery_reach (one, height, since) VALUES (1, ?, ?)").run(
    seen,
    seen + 1,
  );
}
