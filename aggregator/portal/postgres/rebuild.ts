import { createHash } from "node:crypto";
import type { Client } from "pg";
import type { Heights } from "../../ledger/projection.ts";
import { blockChanges } from "../read-model.ts";
import type { FedBlocks } from "./blocks.ts";
import { failureOf } from "./failures.ts";
import {
  farewell,
  lockFeeding,
  type PostgresSettings,
  placeOf,
  runOn,
  transactionOn,
  writingClient,
} from "./session.ts";
import { clearTables, type Owner, openTables, tablesOf } from "./tables.ts";

export type Rebuilt = {
  /** Height before the first block that it was made of. */
  readonly until: number;
  readonly missing: readonly Heights[];
  /** What each table holds, before and after, by its name. */
  readonly before: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, string>;
};

/** Rows fetched at once. */
const fetchRows = 2_000;

/**
 * Makes the read model in PostgreSQL anew from the blocks, at once or not at all.
 * Throws: `Failure` `read-model.*`, `archive.file`.
 */
export async function rebuildTables(
  settings: PostgresSettings,
  owner: Owner,
  blocks: FedBlocks,
): Promise<Rebuilt> {
  const where = placeOf(settings);
  const { schema } = settings;
  // As long as it takes.
  const client = writingClient(settings, { timed: false });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await lockFeeding(client, schema, where);
    await openTables(client, { schema, owner, where });
    return await transactionOn(client, async () => {
      const before = await digests(client, schema);
      await clearTables(client, schema);
      const { until, missing } = await fill(client, blocks);
      return { until, missing, before, after: await digests(client, schema) };
    });
  } catch (error) {
    throw failureOf(error, where);
  } finally {
    await farewell(client);
  }
}

async function fill(
  client: Client,
  source: FedBlocks,
): Promise<{ readonly until: number; readonly missing: readonly Heights[] }> {
  const { after: until, missing } = source.behind(0);
  if (until > 0) await client.query("UPDATE portal_total SET height = $1", [until]);
  for (let height = until; height < source.height(); ) {
    const { blocks } = source.behind(height);
    for (const block of blocks) await runOn(client, blockChanges(block, block.events));
    height = blocks.at(-1)?.header.height ?? source.height();
  }
  return { until, missing };
}

/** What each table holds, whatever the order in which it was written. */
export async function digests(
  client: Client,
  schema: string,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const table of await tablesOf(client, schema)) {
    const hash = createHash("sha256");
    await client.query(`DECLARE every CURSOR FOR SELECT * FROM "${table}" ORDER BY 1, 2`);
    for (;;) {
      const { rows } = await client.query(`FETCH ${fetchRows} FROM every`);
      for (const row of rows) hash.update(JSON.stringify(row, digits));
      if (rows.length < fetchRows) break;
    }
    await client.query("CLOSE every");
    found.set(table, hash.digest("hex"));
  }
  return found;
}

const digits = (_name: string, value: unknown) =>
  typeof value === "bigint" ? value.toString() : value;
