import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { Failure } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import { olderIn } from "../ledger/archive/older.ts";
import { readGenesis } from "../ledger/genesis.ts";
import type { Projection } from "../ledger/projection.ts";
import { Store } from "../ledger/store.ts";
import { outbox } from "../notices/outbox.ts";
import { portalProjections } from "../portal/model/open.ts";
import { fedBlocks } from "../portal/postgres/blocks.ts";
import type { Rebuilt } from "../portal/postgres/rebuild.ts";
import type { PostgresSettings } from "../portal/postgres/session.ts";
import { ownerOf, settingsOf } from "../portal/postgres/settings.ts";
import { liveStatus } from "./live-status.ts";
import { missingText } from "./missing-blocks.ts";

type Options = { readonly config: string; readonly json: boolean };

/**
 * `busbar-aggregator rebuild`: makes the portal's tables anew from the blocks, notices among them, and says which of them
 * differed: none, on a sound file of this version. One that an older version wrote is brought along the
 * same way, at each start. No notice is sent again.
 * Throws: `Failure` `rebuild.running`, `store.*`, `archive.file`, `read-model.*`.
 */
export async function rebuildCommand(
  options: Options,
  print: (value: object) => void,
): Promise<void> {
  const config = loadConfig(options.config);
  if ((await liveStatus(config)) !== undefined) {
    const message =
      "the aggregator runs, and writes these tables itself; stop it, run this again, start it";
    throw new Failure("rebuild.running", message, { retry: "later" });
  }
  const { folder } = config.archive;
  const store = new Store(config.store, [], { older: olderIn(folder) });
  try {
    const settings = settingsOf(config);
    const elsewhere = settings && (await rebuildElsewhere(config, settings, store));
    const pattern = elsewhere === undefined ? "portal_*" : "";
    const here = digests(store.db, pattern);
    const lacks = projectionsOf(config, store.db).map((one) => store.rebuild(one));
    if (elsewhere !== undefined) lacks.unshift({ projection: "portal", ...elsewhere });
    const before = new Map([...(elsewhere?.before ?? []), ...here]);
    const after = new Map([...(elsewhere?.after ?? []), ...digests(store.db, pattern)]);
    const names = [...new Set([...before.keys(), ...after.keys()])].sort();
    // A table that was not there yet held as much as an empty one.
    const changed = names.filter((name) => (before.get(name) ?? nothing) !== after.get(name));
    const { height } = store;
    const [{ until, missing } = { until: 0, missing: [] }] = lacks;
    const from = until + 1;
    if (options.json) {
      return print({ ok: true, height, from, missing, tables: names.length, changed });
    }
    console.log(`${names.length} tables made anew from blocks ${from} to ${height}`);
    for (const lack of lacks) if (lack.until > 0) console.log(missingText(lack, folder));
    console.log(changed.length === 0 ? "all are as they were" : `changed: ${changed.join(", ")}`);
  } finally {
    store.close();
  }
}

/** The portal's tables where they lie in PostgreSQL. */
async function rebuildElsewhere(
  config: AggregatorConfig,
  settings: PostgresSettings,
  store: Store,
): Promise<Rebuilt> {
  const { rebuildTables } = await import("../portal/postgres/rebuild.ts");
  const owner = ownerOf(readGenesis(config.genesis), config.member);
  return rebuildTables(settings, owner, fedBlocks(store, olderIn(config.archive.folder)));
}

/** The portal's tables, and the notices where an aggregator has begun them. */
function projectionsOf(config: AggregatorConfig, db: DatabaseSync): readonly Projection[] {
  const [begun] = db.prepare("SELECT name FROM projection WHERE name = 'notice'").all();
  const portal = portalProjections(config);
  if (begun === undefined) return portal;
  const { currency } = readGenesis(config.genesis);
  const { member } = config;
  return [...portal, outbox({ currency, member, send: false, webhooks: new Set<string>() })];
}

const nothing = createHash("sha256").digest("hex");

/** What each of these tables holds, whatever the order in which it was written. `pattern`: of the portal's names. */
function digests(db: DatabaseSync, pattern: string): ReadonlyMap<string, string> {
  const tables = db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND (name GLOB ? OR name GLOB 'notice_*')",
    )
    .all(pattern);
  return new Map(
    tables.map(({ name }) => {
      const hash = createHash("sha256");
      for (const row of db.prepare(`SELECT * FROM "${String(name)}" ORDER BY 1, 2`).iterate()) {
        hash.update(JSON.stringify(row));
      }
      return [String(name), hash.digest("hex")];
    }),
  );
}
