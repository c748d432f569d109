import type { DatabaseSync } from "node:sqlite";
import type { DeliveryState } from "./delivery-table.ts";
import type { Notice } from "./notice.ts";

/** How a notice fares by one channel. `next` is wall ms, `hold` site ms; null: it waits for neither. */
export type NoticeDelivery = {
  readonly channel: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly next: number | null;
  readonly hold: number | null;
  readonly error: string | null;
};

/** A notice and how it fares. `seq` counts in the order of the blocks; 0 for one that no block told. */
export type NoticeRecord = {
  readonly seq: number;
  readonly notice: Notice;
  readonly deliveries: readonly NoticeDelivery[];
};

/** One attempt; `at` is wall ms, `took` ms. `error` is null where it succeeded. */
export type Attempt = {
  readonly channel: string;
  readonly at: number;
  readonly took: number;
  readonly error: string | null;
};

export type NoticeFilter = {
  readonly owner?: string | undefined;
  /** Only those with a delivery that stands there. */
  readonly state?: DeliveryState | undefined;
  /** Only older ones than this. */
  readonly before?: number | undefined;
  readonly limit: number;
};

/** Notices, the newest first. */
export function readNotices(db: DatabaseSync, filter: NoticeFilter): readonly NoticeRecord[] {
  const { owner, state, before, limit } = filter;
  const where = [
    ...(owner === undefined ? [] : ["owner = :owner"]),
    ...(before === undefined ? [] : ["seq < :before"]),
    ...(state === undefined
      ? []
      : ["EXISTS (SELECT 1 FROM delivery WHERE notice = id AND state = :state)"]),
  ];
  const rows = db
    .prepare(
      `SELECT seq, json FROM notice_message ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`}
       ORDER BY seq DESC LIMIT :limit`,
    )
    .all({
      ...(owner === undefined ? {} : { owner }),
      ...(before === undefined ? {} : { before }),
      ...(state === undefined ? {} : { state }),
      limit,
    });
  return rows.map(({ seq, json }) => recordOf(db, Number(seq), String(json)));
}

/** A notice by its id, also one that no block told. */
export function readNotice(db: DatabaseSync, id: string): NoticeRecord | undefined {
  const row =
    db.prepare("SELECT seq, json FROM notice_message WHERE id = ?").get(id) ??
    db.prepare("SELECT 0 AS seq, json FROM delivery_extra WHERE id = ?").get(id);
  return row === undefined ? undefined : recordOf(db, Number(row.seq), String(row.json));
}

/** What was tried to send a notice, the oldest attempt first. */
export function attemptsOf(db: DatabaseSync, id: string): readonly Attempt[] {
  return db
    .prepare("SELECT channel, at, took, error FROM delivery_log WHERE notice = ? ORDER BY seq")
    .all(id) as unknown as Attempt[];
}

/**
 * Lets a notice be sent again by a channel, or by each that gave it up. The sender that runs looks into the
 * outbox by itself, and sends it whoever's turn it is: this member was asked, and no other. Returns the
 * channels.
 */
export function resend(db: DatabaseSync, id: string, channel?: string): readonly string[] {
  const rows = db
    .prepare(
      `UPDATE delivery SET state = 'queued', attempts = 0, next = 0, hold = 0, digest = 0, height = 0, since = 0
       WHERE notice = ? AND ${channel === undefined ? "state = 'dead'" : "channel = ?"} RETURNING channel`,
    )
    .all(...(channel === undefined ? [id] : [id, channel]));
  return rows.map((row) => String(row.channel));
}

/** Puts a notice into the outbox that no block told, to go out by one channel at once. */
export function putExtra(db: DatabaseSync, notice: Notice, channel: string): void {
  const { id, owner, time } = notice;
  db.exec("BEGIN IMMEDIATE");
  try {
    db.prepare("INSERT INTO delivery_extra (id, owner, time, json) VALUES (?, ?, ?, ?)").run(
      id,
      owner,
      time,
      JSON.stringify(notice),
    );
    db.prepare(
      `INSERT INTO delivery (notice, channel, owner, state, attempts, next, height, hold, digest, made)
       VALUES (?, ?, ?, 'queued', 0, 0, 0, 0, 0, ?)`,
    ).run(id, channel, owner, time);
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

function recordOf(db: DatabaseSync, seq: number, json: string): NoticeRecord {
  const notice = JSON.parse(json) as Notice;
  const rows = db
    .prepare(
      "SELECT channel, state, attempts, next, hold, error FROM delivery WHERE notice = ? ORDER BY rowid",
    )
    .all(notice.id);
  const deliveries = rows.map(({ channel, state, attempts, next, hold, error }) => {
    const isTimed =
      state === "queued" && Number(next) > 0 && Number(next) < Number.MAX_SAFE_INTEGER;
    return {
      channel: String(channel),
      state: state as DeliveryState,
      attempts: Number(attempts),
      next: isTimed ? Number(next) : null,
      hold: state === "queued" && Number(hold) > 0 ? Number(hold) : null,
      error: error === null ? null : String(error),
    };
  });
  return { seq, notice, deliveries };
}
