import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { Failure } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { olderIn } from "../ledger/archive/older.ts";
import { Store } from "../ledger/store.ts";
import { portalReadModel } from "../portal/read-model.ts";
import { liveStatus } from "./live-status.ts";

type Options = { readonly config: string; readonly json: boolean };

/**
 * `busbar-aggregator rebuild`: makes the portal's tables anew from the blocks, and says which of them
 * differed: none, on a sound file of this version. One that an older version wrote is brought along the
 * same way, at each start.
 * Throws: `Failure` `rebuild.running`, `store.*`.
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
    const before = digests(store.db);
    const from = store.rebuild(portalReadModel) + 1;
    const after = digests(store.db);
    const names = [...new Set([...before.keys(), ...after.keys()])].sort();
    // A table that was not there yet held as much as an empty one.
    const changed = names.filter((name) => (before.get(name) ?? nothing) !== after.get(name));
    const { height } = store;
    if (options.json) return print({ ok: true, height, from, tables: names.length, changed });
    console.log(`${names.length} tables made anew from blocks ${from} to ${height}`);
    if (from > 1) {
      console.log(
        `blocks before ${from} are neither here nor in ${folder}: bring their files there and run this again`,
      );
    }
    console.log(changed.length === 0 ? "all are as they were" : `changed: ${changed.join(", ")}`);
  } finally {
    store.close();
  }
}

const nothing = createHash("sha256").digest("hex");

/** What each of the portal's tables holds, whatever the order in which it was written. */
function digests(db: DatabaseSync): ReadonlyMap<string, string> {
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'portal_*'")
    .all();
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
