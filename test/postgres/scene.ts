import { DatabaseSync } from "node:sqlite";
import type { Client } from "pg";
import type { CommittedBlock } from "../../aggregator/ledger/block.ts";
import type { LedgerEvent } from "../../aggregator/ledger/events.ts";
import type { Asking } from "../../aggregator/portal/model/asking.ts";
import { schemaOf } from "../../aggregator/portal/model/schema.ts";
import { sqliteReader } from "../../aggregator/portal/model/sqlite.ts";
import type { FedBlocks } from "../../aggregator/portal/postgres/blocks.ts";
import { Feed } from "../../aggregator/portal/postgres/feed.ts";
import {
  farewell,
  type PostgresSettings,
  runOn,
  transactionOn,
  writingClient,
} from "../../aggregator/portal/postgres/session.ts";
import type { Owner } from "../../aggregator/portal/postgres/tables.ts";

export const tables = ["total", "scale", "block", "slot", "trade", "meter", "party_slot", "pass"];

export const owner: Owner = { genesis: "0".repeat(64), chain: "chain", member: "member-a" };

/** A read model in SQLite's memory. */
export function sqliteModel(): {
  readonly db: DatabaseSync;
  readonly read: <T>(a: Asking<T>) => T;
} {
  const db = new DatabaseSync(":memory:");
  db.exec(schemaOf("sqlite"));
  const reader = sqliteReader(db);
  return { db, read: (asking) => reader.read(asking) };
}

/** All rows of all tables: integers as digits, so that none is rounded on its way. */
export function sqliteRows(db: DatabaseSync): Record<string, readonly object[]> {
  return Object.fromEntries(
    tables.map((table) => {
      const all = db.prepare(`SELECT * FROM portal_${table} ORDER BY 1, 2`);
      all.setReadBigInts(true);
      return [table, all.all().map(digits)];
    }),
  );
}

export async function postgresRows(
  settings: PostgresSettings,
): Promise<Record<string, readonly object[]>> {
  return withClient(settings, async (client) => {
    const found: Record<string, readonly object[]> = {};
    for (const table of tables) {
      const { rows } = await client.query(`SELECT * FROM portal_${table} ORDER BY 1, 2`);
      found[table] = rows.map(digits);
    }
    return found;
  });
}

const digits = (row: object) =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === "bigint" || typeof value === "number" ? String(value) : value,
    ]),
  );

export async function withClient<T>(
  settings: PostgresSettings,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = writingClient(settings);
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await farewell(client);
  }
}

export const inTransaction = <T>(client: Client, asking: Asking<T>): Promise<T> =>
  transactionOn(client, () => runOn(client, asking));

/** A block that holds these events, and nothing else. */
export function blockOf(height: number, events: readonly LedgerEvent[]): CommittedBlock {
  const hash = (of: number) => new Uint8Array(32).fill(of % 251);
  const header = {
    height,
    time: 1_000 * height,
    proposer: "member-a",
    appHash: hash(height + 1),
    previous: hash(height - 1),
  };
  return { header, hash: hash(height), frames: [], results: [], events } as never;
}

/** Blocks that grow, as a feed is handed them. */
export class Chain implements FedBlocks {
  readonly blocks: CommittedBlock[] = [];

  add(events: readonly LedgerEvent[]): CommittedBlock {
    const block = blockOf(this.blocks.length + 1, events);
    this.blocks.push(block);
    return block;
  }

  height(): number {
    return this.blocks.length;
  }

  hashOf(height: number): string | undefined {
    const hash = this.blocks[height - 1]?.hash;
    return hash === undefined ? undefined : Buffer.from(hash).toString("hex");
  }

  behind(after: number) {
    return { after, missing: [], blocks: this.blocks.slice(after, after + 8) };
  }
}

/** A feed, and what it tells: `reached` resolves once its tables have a height. */
export class Fed {
  readonly feed: Feed;
  readonly told: number[] = [];
  readonly log: string[] = [];
  #waiting: { readonly height: number; readonly resolve: () => void }[] = [];

  constructor(settings: PostgresSettings, blocks: FedBlocks, of: Owner = owner) {
    const note = (about: unknown) => {
      const { event, code, tables: made } = about as Record<string, string | undefined>;
      this.log.push(String(code ?? made ?? event));
    };
    this.feed = new Feed({
      settings,
      owner: of,
      blocks,
      log: { info: note, warn: note, error: note } as never,
      lacks: ({ until }) => this.log.push(`lacks ${until}`),
      applied: async ({ header }) => {
        this.told.push(header.height);
        for (const { height, resolve } of this.#waiting) if (header.height >= height) resolve();
      },
    });
  }

  async reached(height: number): Promise<void> {
    if (this.feed.height >= height) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ height, resolve });
    await promise;
  }
}
