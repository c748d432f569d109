import type { DatabaseSync } from "node:sqlite";
import type { NoticeLease, NoticeReport } from "@busbar/protocol";
import type { LedgerEvent } from "../ledger/events.ts";
import type { Projection } from "../ledger/projection.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { owners } from "../ledger/tables.ts";
import type { ChannelName } from "./channel.ts";
import { forgetBefore, makeDeliveryTables, noteTime, parked, timeAt } from "./delivery-schema.ts";
import type { Notice } from "./notice.ts";
import { planOf } from "./plan.ts";
import { type Preferences, preferencesOf } from "./preferences.ts";
import { noticesOf } from "./tell/notices.ts";

/** The notices themselves: what the blocks tell, one row each, in the order of the blocks. */
export const outboxSchema = `
  CREATE TABLE IF NOT EXISTS notice_message (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, time INTEGER NOT NULL,
    height INTEGER NOT NULL, json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS notice_owner ON notice_message (owner, seq);
`;

/** Blocks between two looks at what is old enough to be forgotten. */
const forgetEvery = 64;

/** What the outbox has to know beyond the block. */
export type OutboxOptions = {
  readonly currency: string;
  /** This member. */
  readonly member: string;
  /** Whether it sends at all; one that does not keeps the notices and makes out no deliveries. */
  readonly send: boolean;
  /** For so long (site ms) it is kept how a notice fared; for ever where it is not said. */
  readonly keepMs?: number;
  /** Owners that its own configuration has a webhook for. */
  readonly webhooks: ReadonlySet<string>;
  /** How an owner is told after the block at hand; undefined for an id that is no owner's. */
  readonly preferences?: (db: DatabaseSync, owner: string) => Preferences | undefined;
};

/**
 * The outbox as a projection: it is written in the block's own commit, so an event and its notices
 * are on disk together or not at all.
 */
export function outbox(options: OutboxOptions): Projection {
  const { currency, member, send, keepMs, webhooks, preferences = storedPreferences } = options;
  return {
    name: "notice",
    schema: outboxSchema,
    keep: makeDeliveryTables,
    apply(db, block, events) {
      const { height } = block.header;
      const isNew = reach(db, height) && send;
      if (isNew) noteTime(db, height, block.header.time);
      if (isNew && keepMs !== undefined && height % forgetEvery === 0) {
        forgetBefore(db, block.header.time - keepMs);
      }
      if (isNew) for (const event of events) leaveToOthers(db, event, member);
      const known = new Map<string, Preferences | undefined>();
      const of = (owner: string) => {
        if (!known.has(owner)) known.set(owner, preferences(db, owner));
        return known.get(owner);
      };
      const isOwner = (id: string) => of(id) !== undefined;
      const notices = noticesOf({ ...block, events }, { currency, isOwner });
      const addMessage = db.prepare(
        "INSERT INTO notice_message (id, owner, time, height, json) VALUES (?, ?, ?, ?, ?)",
      );
      for (const notice of notices) {
        const { id, owner, time } = notice;
        addMessage.run(id, owner, time, height, JSON.stringify(notice));
        if (isNew) makeOut(db, notice, { height, preferences: of(owner), webhooks });
      }
    },
  };
}

function makeOut(
  db: DatabaseSync,
  notice: Notice,
  about: {
    readonly height: number;
    readonly preferences: Preferences | undefined;
    readonly webhooks: ReadonlySet<string>;
  },
): void {
  const { height, preferences, webhooks } = about;
  const { id, owner, time } = notice;
  const add = db.prepare(
    `INSERT INTO delivery (notice, channel, owner, state, attempts, next, height, hold, held, digest, made)
     VALUES (?, ?, ?, 'queued', 0, ?, ?, ?, ?, ?, ?)`,
  );
  const put = (channel: ChannelName, hold: number, digest: number) =>
    add.run(id, channel, owner, hold > 0 ? parked : 0, height, hold, hold, digest, time);
  if (preferences !== undefined) {
    for (const { channel, hold, digest } of planOf(notice, preferences)) put(channel, hold, digest);
  }
  if (webhooks.has(owner)) put("member-webhook", 0, 0);
}

/**
 * Whether deliveries for this height are still to be made out; from now on they are not. Where blocks
 * were left out, because a snapshot stands for them, their notices are others' to send.
 */
function reach(db: DatabaseSync, height: number): boolean {
  const { changes } = db
    .prepare(
      `UPDATE delivery_reach SET since = CASE WHEN height = ? THEN since ELSE ? END, height = ?
       WHERE height < ?`,
    )
    .run(height - 1, height, height, height);
  return changes > 0;
}

/** What another member says that it has sent, or that owners acknowledged to it, is not sent from here. */
function leaveToOthers(db: DatabaseSync, event: LedgerEvent, member: string): void {
  if (event.type === "notice-lease-taken" && event.member !== member) leaveLeased(db, event);
  if (event.type === "notice-report-taken" && event.member !== member) leaveHeard(db, event);
}

function leaveLeased(db: DatabaseSync, { channel, from, done, behind }: NoticeLease): void {
  const dueBy = timeAt(db, done) ?? 0;
  const waits = new Map(behind.map(({ owner, height }) => [owner, height]));
  const lanes = db
    .prepare(
      "SELECT DISTINCT owner FROM delivery WHERE state = 'queued' AND channel = ? AND height BETWEEN ? AND ?",
    )
    .all(channel, from, done);
  const leave = db.prepare(
    `UPDATE delivery SET state = 'elsewhere' WHERE state = 'queued' AND owner = ? AND channel = ?
       AND height BETWEEN ? AND ? AND held <= ?`,
  );
  for (const { owner } of lanes) {
    const to = (waits.get(String(owner)) ?? done + 1) - 1;
    leave.run(String(owner), channel, from, to, dueBy);
  }
}

function leaveHeard(db: DatabaseSync, { acknowledged }: NoticeReport): void {
  const leave = db.prepare(
    `UPDATE delivery SET state = 'elsewhere' WHERE state = 'queued' AND owner = ? AND channel = 'mqtt'
       AND height BETWEEN 1 AND ? AND held <= ?`,
  );
  for (const { owner, height } of acknowledged) leave.run(owner, height, timeAt(db, height) ?? 0);
}

/** As the state has it within the block's own transaction: what is held in memory is of the block before. */
function storedPreferences(db: DatabaseSync, owner: string): Preferences | undefined {
  const state = stateIn(db);
  return owners.get(state, owner) === undefined ? undefined : preferencesOf(state, owner);
}

const readers = new WeakMap<DatabaseSync, StateReader>();

function stateIn(db: DatabaseSync): StateReader {
  const known = readers.get(db);
  if (known !== undefined) return known;
  const get = db.prepare("SELECT value FROM state WHERE key = ?");
  const reader: StateReader = {
    get: (key) => get.get(key)?.value as Uint8Array | undefined,
    scan: () => [],
  };
  readers.set(db, reader);
  return reader;
}
