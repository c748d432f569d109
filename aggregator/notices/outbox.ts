import type { DatabaseSync } from "node:sqlite";
import type { Projection } from "../ledger/projection.ts";
import { noticesOf } from "./notice.ts";

/** Where a delivery stands. `dead` ones stay until somebody looks at them. */
export type DeliveryState = "queued" | "delivered" | "dead";

/** The notices themselves: what the blocks tell, one row each. */
export const outboxSchema = `
  CREATE TABLE IF NOT EXISTS notice_message (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, time INTEGER NOT NULL, json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS notice_owner ON notice_message (owner, time);
`;

/**
 * What became of them: one row for each channel that a notice has to go out by, counts, and the
 * height up to which deliveries were made out. No rebuild of the notices touches it, so nothing is
 * sent again. Whoever changes it brings the tables of older files along.
 */
const deliverySchema = `
  CREATE TABLE IF NOT EXISTS delivery (
    notice TEXT NOT NULL, channel TEXT NOT NULL, owner TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, next INTEGER NOT NULL, error TEXT,
    PRIMARY KEY (notice, channel)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS delivery_lane ON delivery (owner, channel, next) WHERE state = 'queued';
  CREATE INDEX IF NOT EXISTS delivery_due ON delivery (next, owner, channel) WHERE state = 'queued';
  CREATE TABLE IF NOT EXISTS delivery_count (state TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;
  CREATE TRIGGER IF NOT EXISTS delivery_added AFTER INSERT ON delivery BEGIN
    INSERT INTO delivery_count VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
  END;
  CREATE TRIGGER IF NOT EXISTS delivery_moved AFTER UPDATE OF state ON delivery
  WHEN old.state <> new.state BEGIN
    UPDATE delivery_count SET n = n - 1 WHERE state = old.state;
    INSERT INTO delivery_count VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
  END;
  CREATE TABLE IF NOT EXISTS delivery_reach (
    one INTEGER PRIMARY KEY CHECK (one = 1), height INTEGER NOT NULL
  ) STRICT;
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
    keep(db, seen) {
      db.exec(deliverySchema);
      db.prepare("INSERT OR IGNORE INTO delivery_reach VALUES (1, ?)").run(seen);
    },
    apply(db, { header }, events) {
      const { chain, height, time } = header;
      const addMessage = db.prepare("INSERT INTO notice_message VALUES (?, ?, ?, ?)");
      const addDelivery = db.prepare("INSERT INTO delivery VALUES (?, ?, ?, 'queued', 0, 0, NULL)");
      const isNew = reach(db, height);
      events.forEach((event, index) => {
        for (const notice of noticesOf(event, index, { chain, currency, height, time })) {
          const { id, owner } = notice;
          addMessage.run(id, owner, notice.time, JSON.stringify(notice));
          if (!isNew) continue;
          for (const channel of channelNames(owner)) addDelivery.run(id, channel, owner);
        }
      });
    },
  };
}

/** Whether deliveries for this height are still to be made out; from now on they are not. */
function reach(db: DatabaseSync, height: number): boolean {
  const { changes } = db
    .prepare("UPDATE delivery_reach SET height = ? WHERE height < ?")
    .run(height, height);
  return changes > 0;
}

/** How many deliveries stand where; kept by triggers, so asking costs nothing. */
export function countDeliveries(db: DatabaseSync): Record<DeliveryState, number> {
  const counts = { queued: 0, delivered: 0, dead: 0 };
  const rows = db.prepare("SELECT state, n FROM delivery_count").all();
  for (const { state, n } of rows) counts[state as DeliveryState] = Number(n);
  return counts;
}
