import type { DatabaseSync } from "node:sqlite";
import type { Projection } from "../ledger/projection.ts";
import { noticesOf } from "./notice.ts";

/** Where a delivery stands. `dead` ones stay until somebody looks at them. */
export type DeliveryState = "queued" | "delivered" | "dead";

/** The outbox's tables: one row a notice, one row for each channel it has to go out by, and counts. */
export const outboxSchema = `
  CREATE TABLE IF NOT EXISTS notice_message (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, time INTEGER NOT NULL, json TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS notice_delivery (
    notice TEXT NOT NULL REFERENCES notice_message (id), channel TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, next INTEGER NOT NULL, error TEXT,
    PRIMARY KEY (notice, channel)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS notice_due ON notice_delivery (state, next);
  CREATE TABLE IF NOT EXISTS notice_count (state TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;
  CREATE TRIGGER IF NOT EXISTS notice_added AFTER INSERT ON notice_delivery BEGIN
    INSERT INTO notice_count VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
  END;
  CREATE TRIGGER IF NOT EXISTS notice_moved AFTER UPDATE OF state ON notice_delivery
  WHEN old.state <> new.state BEGIN
    UPDATE notice_count SET n = n - 1 WHERE state = old.state;
    INSERT INTO notice_count VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
  END;
  CREATE INDEX IF NOT EXISTS notice_owner ON notice_message (owner, time);
`;

/** What the outbox has to know beyond the block: whose notices go out by which channels. */
export type OutboxOptions = {
  readonly currency: string;
  readonly channelNames: (owner: string) => readonly string[];
};

/**
 * The outbox as a projection: it is written in the block's own commit, so an event and its notices
 * are on disk together or not at all.
 */
export function outbox({ currency, channelNames }: OutboxOptions): Projection {
  return {
    name: "notice",
    schema: outboxSchema,
    apply(db, { header }, events) {
      const { chain, height, time } = header;
      const addMessage = db.prepare("INSERT INTO notice_message VALUES (?, ?, ?, ?)");
      const addDelivery = db.prepare(
        "INSERT INTO notice_delivery VALUES (?, ?, 'queued', 0, 0, NULL)",
      );
      events.forEach((event, index) => {
        for (const notice of noticesOf(event, index, { chain, currency, height, time })) {
          addMessage.run(notice.id, notice.owner, notice.time, JSON.stringify(notice));
          for (const channel of channelNames(notice.owner)) addDelivery.run(notice.id, channel);
        }
      });
    },
  };
}

/** How many deliveries stand where; kept by triggers, so asking costs nothing. */
export function countDeliveries(db: DatabaseSync): Record<DeliveryState, number> {
  const counts = { queued: 0, delivered: 0, dead: 0 };
  const rows = db.prepare("SELECT state, n FROM notice_count").all();
  for (const { state, n } of rows) counts[state as DeliveryState] = Number(n);
  return counts;
}
