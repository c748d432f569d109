import type { DatabaseSync } from "node:sqlite";
import { prepared } from "./prepared.ts";

/** Which readings: of one meter or all, in a half-open span of site time. */
export type ReadingRange = {
  readonly meter?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
};

/** A reading as it lies in the journal. */
export type StoredRow = {
  readonly meter: string;
  readonly seq: number;
  readonly payload: Uint8Array;
  readonly head: Uint8Array;
};

/** Rows of one look. Between two looks no snapshot is held: one that stays open for long keeps a
 * running unit's write-ahead log from being used anew, and it grows on the disk. */
const rowsPerLook = 500;

/** All meters with readings, in order of their ids. */
export function metersWithReadings(database: DatabaseSync): string[] {
  // From one meter to the next by the primary key; DISTINCT would look at every reading.
  const rows = database
    .prepare(
      `WITH RECURSIVE next (meter) AS (
         SELECT min(meter) FROM reading
         UNION ALL
         SELECT (SELECT min(meter) FROM reading WHERE meter > next.meter) FROM next
         WHERE next.meter IS NOT NULL)
       SELECT meter FROM next WHERE meter IS NOT NULL`,
    )
    .all();
  return rows.map(({ meter }) => String(meter));
}

/** Readings by meter and number, as many as there are, in little memory. */
export function* readingRows(
  database: DatabaseSync,
  { meter, from = 0, to = Number.MAX_SAFE_INTEGER }: ReadingRange = {},
): Generator<StoredRow> {
  const select = database.prepare(
    `SELECT seq, time, payload, head FROM reading WHERE meter = ? AND seq > ? ORDER BY seq LIMIT ?`,
  );
  for (const id of meter === undefined ? metersWithReadings(database) : [meter]) {
    let rows = select.all(id, 0, rowsPerLook);
    while (rows.length > 0) {
      for (const { seq, time, payload, head } of rows) {
        if (Number(time) < from || Number(time) >= to) continue;
        yield {
          meter: id,
          seq: Number(seq),
          payload: payload as Uint8Array,
          head: head as Uint8Array,
        };
      }
      rows = select.all(id, Number(rows.at(-1)?.seq ?? 0), rowsPerLook);
    }
  }
}

/** Signed batches by meter and first number, in the same way. */
export function* batchRows(database: DatabaseSync): Generator<Record<string, unknown>> {
  const select = database.prepare(
    "SELECT * FROM batch WHERE (meter, first) > (?, ?) ORDER BY meter, first LIMIT ?",
  );
  let rows = select.all("", 0, rowsPerLook);
  while (rows.length > 0) {
    yield* rows;
    const last = rows.at(-1);
    rows = select.all(String(last?.meter), Number(last?.first), rowsPerLook);
  }
}

/** What was noted under a name; undefined where nothing was. */
export function noteIn(database: DatabaseSync, key: string): string | undefined {
  const row = prepared(database, "SELECT value FROM meta WHERE key = ?").get(`note/${key}`);
  return row === undefined ? undefined : String(row.value);
}

/** The chain's head after a reading; undefined where the journal does not hold it (any more). */
export function headIn(database: DatabaseSync, meter: string, seq: number): Uint8Array | undefined {
  const row =
    prepared(database, "SELECT head FROM reading WHERE meter = ? AND seq = ?").get(meter, seq) ??
    prepared(database, "SELECT head FROM anchor WHERE meter = ? AND seq = ?").get(meter, seq);
  return row?.head as Uint8Array | undefined;
}
