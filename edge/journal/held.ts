import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { type ReadingEntry, utcMs } from "@busbar/protocol";
import type { Start } from "../clock/placing.ts";
import { transaction } from "./database.ts";
import { decodeRow, encodeRow } from "./row.ts";

/** A reading whose time was not known when it was taken; the entry's time and clock say nothing. */
export type HeldSample = {
  readonly meter: string;
  readonly serial: string | undefined;
  readonly profile: string;
  /** The machine's start, and ms since that. */
  readonly boot: string;
  readonly monotonic: number;
  /** What the system's clock said then, ms since 1970. */
  readonly wall: number;
  readonly entry: ReadingEntry;
};

export type HeldReading = HeldSample & { readonly id: number };

const nowhere = new Uint8Array(32);

/** Keeps readings until their time is known: on the disk before the call returns, in one commit. */
export function hold(database: DatabaseSync, samples: readonly HeldSample[]): void {
  if (samples.length === 0) return;
  const insert = database.prepare(
    "INSERT INTO held (meter, serial, profile, boot, monotonic, wall, payload) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  transaction(database, () => {
    for (const { meter, serial, profile, boot, monotonic, wall, entry } of samples) {
      const payload = encodeRow(
        { meter, seq: 1, prev: nowhere },
        { ...entry, time: utcMs(0), clock: 0 },
      );
      const who = [meter, serial ?? null, profile, boot] as const;
      insert.run(...who, Math.round(monotonic), Math.round(wall), payload);
    }
  });
}

/** How many readings wait for their time. */
export function heldCount(database: DatabaseSync): number {
  return Number(database.prepare("SELECT count(*) AS n FROM held").get()?.n ?? 0);
}

/** The machine's starts in which they were taken, in order: few, however many readings wait. */
export function heldStarts(database: DatabaseSync): Start[] {
  const rows = database
    .prepare(
      `SELECT boot, monotonic AS first, latest - monotonic AS ms, wall
       FROM (SELECT min(id) AS id, max(monotonic) AS latest FROM held GROUP BY boot)
       JOIN held USING (id) ORDER BY id`,
    )
    .all();
  return rows.map((row) => ({
    boot: String(row.boot),
    first: Number(row.first),
    ms: Number(row.ms),
    wall: Number(row.wall),
  }));
}

/**
 * The oldest of them. One that a bad disk has spoilt is put into table `aside` on the way: it would
 * keep all others waiting for ever.
 */
export function oldestHeld(database: DatabaseSync, limit: number): HeldReading[] {
  const select = database.prepare("SELECT * FROM held ORDER BY id LIMIT ?");
  for (;;) {
    const rows = select.all(limit);
    const read = rows.map((row) => heldReading(row));
    const spoilt = rows.filter((_, i) => read[i] === undefined);
    if (spoilt.length === 0) return read.filter((held) => held !== undefined);
    setAside(database, spoilt);
  }
}

function heldReading(row: Record<string, SQLOutputValue>): HeldReading | undefined {
  const read = decodeRow(row.payload as Uint8Array);
  if (read === undefined) return undefined;
  return {
    id: Number(row.id),
    meter: String(row.meter),
    serial: row.serial === null ? undefined : String(row.serial),
    profile: String(row.profile),
    boot: String(row.boot),
    monotonic: Number(row.monotonic),
    wall: Number(row.wall),
    entry: read.entry,
  };
}

function setAside(database: DatabaseSync, rows: readonly Record<string, SQLOutputValue>[]): void {
  const insert = database.prepare(
    "INSERT INTO aside SELECT meter, id, wall, payload FROM held WHERE id = ?",
  );
  const drop = database.prepare("DELETE FROM held WHERE id = ?");
  transaction(database, () => {
    for (const { id = null } of rows) {
      insert.run(id);
      drop.run(id);
    }
  });
}

/** Ends the waiting of readings; the caller's transaction surrounds it. */
export function dropHeld(database: DatabaseSync, held: readonly HeldReading[]): void {
  const drop = database.prepare("DELETE FROM held WHERE id = ?");
  for (const { id } of held) drop.run(id);
}
