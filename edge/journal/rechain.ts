import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import { chainHead, type ReadingEntry } from "@busbar/protocol";
import { transaction } from "./database.ts";
import { sha256 } from "./hash.ts";
import { decodeRow, encodeRow, type Tip } from "./row.ts";

/** What becomes of readings that move behind another tip. */
export type Rechaining = {
  /** The entry as it goes on; undefined for one that cannot stand there. Called in order. */
  readonly entry: (entry: ReadingEntry) => ReadingEntry | undefined;
  /** Notes for the same commit, asked for after the last entry. */
  readonly notes: () => ReadonlyMap<string, string>;
};

/** Rows in memory at one time, so that a month of readings needs no more than a minute's. */
const rowsPerStep = 500;

type Move = {
  readonly meter: string;
  readonly tip: Tip;
  readonly change: Rechaining;
  readonly note: (key: string, value: string) => void;
};

/** See `Journal.rechain`. Asserts that no batch of the meter has a receipt. */
export function rechain(
  database: DatabaseSync,
  { meter, tip, change, note }: Move,
): { moved: number; aside: number } {
  return transaction(database, () => {
    const proven = database
      .prepare("SELECT 1 FROM batch WHERE meter = ? AND receipt IS NOT NULL LIMIT 1")
      .get(meter);
    assert(proven === undefined, "readings with a receipt keep their numbers");
    database.prepare("DELETE FROM batch WHERE meter = ?").run(meter);
    // Out of the way first: old and new numbers may overlap. No meter's id has a slash.
    const old = `${meter}/old`;
    database.prepare("UPDATE reading SET meter = ? WHERE meter = ?").run(old, meter);
    const result = move(database, { meter, old, tip, change });
    database.prepare("DELETE FROM reading WHERE meter = ?").run(old);
    database
      .prepare(
        "INSERT INTO anchor VALUES (?, ?, ?) ON CONFLICT (meter) DO UPDATE SET seq = excluded.seq, head = excluded.head",
      )
      .run(meter, tip.seq, tip.head);
    for (const [key, value] of change.notes()) note(key, value);
    return result;
  });
}

function move(
  database: DatabaseSync,
  { meter, old, tip, change }: Omit<Move, "note"> & { readonly old: string },
): { moved: number; aside: number } {
  const select = database.prepare(
    "SELECT seq, time, payload FROM reading WHERE meter = ? AND seq > ? ORDER BY seq LIMIT ?",
  );
  const insert = database.prepare("INSERT INTO reading VALUES (?, ?, ?, ?, ?)");
  const setAside = database.prepare("INSERT INTO aside VALUES (?, ?, ?, ?)");
  let { seq, head } = tip;
  let aside = 0;
  for (let after = 0; ; ) {
    const rows = select.all(old, after, rowsPerStep);
    for (const row of rows) {
      after = Number(row.seq);
      const read = decodeRow(row.payload as Uint8Array);
      // One that a bad disk has spoilt cannot go on either.
      const entry = read && change.entry(read.entry);
      if (entry === undefined) {
        setAside.run(meter, after, Number(row.time), row.payload as Uint8Array);
        aside += 1;
        continue;
      }
      seq += 1;
      const payload = encodeRow({ meter, seq, prev: head }, entry);
      head = chainHead(head, entry, sha256);
      insert.run(meter, seq, entry.time, payload, head);
    }
    if (rows.length < rowsPerStep) return { moved: seq - tip.seq, aside };
  }
}
