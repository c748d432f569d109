import type { DatabaseSync } from "node:sqlite";
import { noticeHeightsMax } from "@busbar/protocol";
import type { ChannelName } from "./channel.ts";
import { parked, timeAt } from "./delivery-schema.ts";

/**
 * Where a delivery stands. `dead` ones stay until somebody looks at them; `elsewhere`: another member
 * sent it; `dropped`: its owner did not want the channel any more.
 */
export type DeliveryState = "queued" | "delivered" | "dead" | "elsewhere" | "dropped";

/** The deliveries to one owner by one channel. */
export type Lane = { readonly owner: string; readonly channel: ChannelName };

/** A lane in which something is due. `own` (1): no block told it, so that it is this member's alone to send. */
export type DueLane = Lane & { readonly own: 0 | 1 };

/** A delivery that is due. */
export type Due = Lane & {
  readonly notice: string;
  readonly attempts: number;
  /** Null where the notice is gone: another version words or numbers them otherwise. */
  readonly json: string | null;
  readonly digest: number;
  /** Wall ms from which on its receiver took nothing; 0: it was not tried, nor what came before it. */
  readonly since: number;
};

/** How far this member has come with a channel, as a lease says it. */
export type Progress = {
  readonly from: number;
  readonly done: number;
  readonly behind: readonly { readonly owner: string; readonly height: number }[];
};

/** Attempts that the log keeps. */
const logMax = 100_000;

/** An earlier one of the same lane that failed, and is not to be tried yet: what came later waits behind it. */
const pausedBefore = `SELECT 1 FROM delivery AS earlier WHERE earlier.state = 'queued'
  AND earlier.owner = delivery.owner AND earlier.channel = delivery.channel
  AND earlier.next > :now AND earlier.next < ${parked} AND earlier.rowid < delivery.rowid
  AND (earlier.height = 0) = (delivery.height = 0)`;

const dueColumns = `SELECT notice, delivery.owner AS owner, channel, attempts, digest, since,
    coalesce(notice_message.json, delivery_extra.json) AS json
  FROM delivery LEFT JOIN notice_message ON notice_message.id = notice
    LEFT JOIN delivery_extra ON delivery_extra.id = notice`;

/** The deliveries of the outbox, as its sender uses them. Times are wall ms, `hold`s site ms. */
export class DeliveryTable {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = prepare(db);
  }

  /** What an earlier run waited for may have come in between. */
  unpark(): void {
    this.#db.exec(
      `UPDATE delivery SET next = 0 WHERE state = 'queued' AND hold = 0 AND next = ${parked}`,
    );
  }

  /** Lets go what waited for its hour. */
  release(siteNow: number): void {
    this.#sql.release.run(siteNow);
  }

  dueLanes(now: number): DueLane[] {
    return this.#sql.dueLanes.all({ now }) as unknown as DueLane[];
  }

  /** A lane's first delivery that is due; with it all of its digest, where it belongs to one. */
  due({ owner, channel, own }: DueLane, now: number): readonly Due[] {
    const first = this.#sql.due.get({ owner, channel, now, own }) as unknown as Due | undefined;
    if (first === undefined) return [];
    if (first.digest === 0) return [first];
    return this.#sql.digest.all(owner, channel, first.digest) as unknown as Due[];
  }

  /** Notes an attempt and what came of it. `next`: when a delivery that stays queued is tried again. */
  note(
    due: readonly Due[],
    outcome: {
      readonly state: DeliveryState;
      readonly at: number;
      readonly took: number;
      readonly next: number;
      readonly error: string | null;
    },
  ): void {
    const { state, at, took, next, error } = outcome;
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      for (const { notice, channel } of due) {
        this.#sql.note.run(state, next, error, notice, channel);
        const { lastInsertRowid } = this.#sql.log.run(notice, channel, at, took, error);
        if (Number(lastInsertRowid) % 1000 === 0) {
          this.#sql.trim.run(Number(lastInsertRowid) - logMax);
        }
      }
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** The lane's receiver took nothing at this time (wall ms), and what waits behind waits since then. */
  struggles({ owner, channel }: Lane, at: number): void {
    this.#sql.struggles.run(at, owner, channel);
  }

  /** It takes notices again. */
  recovers({ owner, channel }: Lane): void {
    this.#sql.recovers.run(owner, channel);
  }

  /** Sets a whole lane aside until its owner is heard. */
  park({ owner, channel }: Lane): void {
    this.#sql.park.run(owner, channel);
  }

  /** Its owner was heard. Returns whether anything waited for that. */
  heard({ owner, channel }: Lane): boolean {
    return Number(this.#sql.heard.run(owner, channel).changes) > 0;
  }

  /** When (wall ms, site ms) the next delivery is due that waits for a time. */
  next(now: number): { readonly at: number | undefined; readonly hold: number | undefined } {
    const at = this.#sql.next.get(now)?.next;
    const hold = this.#sql.nextHold.get()?.hold;
    return { at: numberOf(at), hold: numberOf(hold) };
  }

  /** How far a channel has come: what is not queued any more, whatever became of it. */
  progress(channel: ChannelName): Progress {
    const { since, height, dueBy } = this.#reach();
    const lanes = this.#db
      .prepare(
        `SELECT owner, min(height) AS height FROM delivery
         WHERE state = 'queued' AND channel = ? AND height > 0 AND held <= ?
         GROUP BY owner ORDER BY 2, 1`,
      )
      .all(channel, dueBy) as { owner: string; height: number }[];
    const [beyond] = lanes.slice(noticeHeightsMax);
    const done = beyond === undefined ? height : beyond.height - 1;
    const behind = lanes.slice(0, noticeHeightsMax).filter((lane) => lane.height <= done);
    return { from: since, done, behind: behind.map(({ owner, height }) => ({ owner, height })) };
  }

  /**
   * Up to which block an owner has acknowledged what it was to be told by MQTT: the last one where nothing
   * waits; undefined: nothing.
   */
  acknowledged(owner: string): number | undefined {
    const { height, dueBy } = this.#reach();
    const row = this.#db
      .prepare(
        `SELECT EXISTS (SELECT 1 FROM delivery WHERE state <> 'queued' AND owner = :owner
             AND channel = 'mqtt' AND height > 0) AS told,
           (SELECT min(height) FROM delivery WHERE state = 'queued' AND owner = :owner
             AND channel = 'mqtt' AND height > 0 AND held <= :dueBy) AS waits`,
      )
      .get({ owner, dueBy });
    if (row?.told !== 1) return undefined;
    const to = (numberOf(row.waits) ?? height + 1) - 1;
    return to > 0 ? to : undefined;
  }

  /** What deliveries were made out for, and the site time up to which what is held counts in it. */
  #reach(): { readonly since: number; readonly height: number; readonly dueBy: number } {
    const row = this.#db.prepare("SELECT since, height FROM delivery_reach").get();
    const [since, height] = [Number(row?.since), Number(row?.height)];
    return { since, height, dueBy: timeAt(this.#db, height) ?? Number.MAX_SAFE_INTEGER };
  }
}

function prepare(db: DatabaseSync) {
  const lane = "state = 'queued' AND delivery.owner = ? AND channel = ?";
  return {
    release: db.prepare(
      "UPDATE delivery SET next = 0, hold = 0 WHERE state = 'queued' AND hold > 0 AND hold <= ?",
    ),
    dueLanes: db.prepare(
      `SELECT DISTINCT owner, channel, height = 0 AS own FROM delivery
       WHERE state = 'queued' AND next <= :now AND NOT EXISTS (${pausedBefore})`,
    ),
    due: db.prepare(`${dueColumns} WHERE state = 'queued' AND delivery.owner = :owner
       AND channel = :channel AND next <= :now AND (delivery.height = 0) = :own
       AND NOT EXISTS (${pausedBefore}) ORDER BY delivery.rowid LIMIT 1`),
    digest: db.prepare(`${dueColumns} WHERE ${lane} AND digest = ? ORDER BY delivery.rowid`),
    note: db.prepare(
      `UPDATE delivery SET state = ?, attempts = attempts + 1, next = ?, error = ?
       WHERE notice = ? AND channel = ? AND state = 'queued'`,
    ),
    log: db.prepare(
      "INSERT INTO delivery_log (notice, channel, at, took, error) VALUES (?, ?, ?, ?, ?)",
    ),
    trim: db.prepare("DELETE FROM delivery_log WHERE seq <= ?"),
    park: db.prepare(`UPDATE delivery SET next = ${parked} WHERE ${lane} AND hold = 0`),
    struggles: db.prepare(`UPDATE delivery SET since = ? WHERE ${lane} AND hold = 0 AND since = 0`),
    recovers: db.prepare(`UPDATE delivery SET since = 0 WHERE ${lane} AND since > 0`),
    heard: db.prepare(
      `UPDATE delivery SET next = 0 WHERE ${lane} AND hold = 0 AND next = ${parked}`,
    ),
    next: db.prepare(
      `SELECT min(next) AS next FROM delivery WHERE state = 'queued' AND next > ? AND next < ${parked}`,
    ),
    nextHold: db.prepare(
      "SELECT min(hold) AS hold FROM delivery WHERE state = 'queued' AND hold > 0",
    ),
  };
}

function numberOf(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}

/** How many deliveries stand where; kept by triggers, so asking costs nothing. */
export function countDeliveries(db: DatabaseSync): Record<"queued" | "delivered" | "dead", number> {
  const rows = db.prepare("SELECT state, n FROM delivery_count").all();
  const of = (state: DeliveryState) => Number(rows.find((row) => row.state === state)?.n ?? 0);
  return { queued: of("queued"), delivered: of("delivered"), dead: of("dead") };
}
