import type { DatabaseSync } from "node:sqlite";
import { usedBytes } from "./prune.ts";
import { metersWithReadings } from "./rows.ts";

/** How much of a meter's readings is where. Times are site ms. */
export type MeterSummary = {
  readonly meter: string;
  /** Ever, those that were pruned too: the newest sequence number. */
  readonly taken: number;
  readonly readings: number;
  readonly firstSeq: number | undefined;
  readonly lastSeq: number | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly unsigned: number;
  readonly waiting: number;
  /** Ever, those that were pruned too. */
  readonly committed: number;
  readonly refused: number;
  /** Time of the oldest batch without a receipt. */
  readonly waitingSince: number | undefined;
  /** Why the ledger refused the oldest batch that waits. */
  readonly code: string | undefined;
};

/** How much lies in the journal. */
export type JournalSummary = {
  readonly bytes: number;
  readonly waitingBatches: number;
  readonly meters: readonly MeterSummary[];
};

/**
 * Counts readings by what became of them, from the ends of the chains, which have no gaps, and from
 * the batches that wait: what it costs does not grow with the journal.
 */
export function summarise(database: DatabaseSync): JournalSummary {
  const waiting = database
    .prepare("SELECT count(*) AS n FROM batch WHERE state <> 'committed'")
    .get();
  return {
    bytes: usedBytes(database),
    waitingBatches: Number(waiting?.n ?? 0),
    meters: metersIn(database).map((meter) => meterSummary(database, meter)),
  };
}

/** All meters that ever had a reading, in order of their ids. */
export function metersIn(database: DatabaseSync): string[] {
  const pruned = database.prepare("SELECT meter FROM anchor").all();
  const all = [...metersWithReadings(database), ...pruned.map(({ meter }) => String(meter))];
  return [...new Set(all)].sort();
}

function meterSummary(database: DatabaseSync, meter: string): MeterSummary {
  const one = (sql: string) => {
    const value = database.prepare(sql).get(meter)?.value;
    return typeof value === "number" ? value : undefined;
  };
  const pruned = one("SELECT seq AS value FROM anchor WHERE meter = ?") ?? 0;
  const firstSeq = one("SELECT min(seq) AS value FROM reading WHERE meter = ?");
  const lastSeq = one("SELECT max(seq) AS value FROM reading WHERE meter = ?");
  const taken = lastSeq ?? pruned;
  const signed =
    one("SELECT last AS value FROM batch WHERE meter = ? ORDER BY first DESC LIMIT 1") ?? pruned;
  const { waiting, refused, code } = openBatches(database, meter);
  return {
    meter,
    taken,
    readings: taken - pruned,
    firstSeq,
    lastSeq,
    from: one("SELECT min(time) AS value FROM reading WHERE meter = ?"),
    to: one("SELECT max(time) AS value FROM reading WHERE meter = ?"),
    unsigned: taken - signed,
    waiting,
    committed: signed - waiting - refused,
    refused,
    waitingSince: one(
      "SELECT time AS value FROM batch WHERE meter = ? AND state <> 'committed' ORDER BY first LIMIT 1",
    ),
    code,
  };
}

/** Readings in batches without a receipt, and why the oldest refused one was refused. */
function openBatches(database: DatabaseSync, meter: string) {
  const rows = database
    .prepare(
      `SELECT state = 'refused' AS refused, sum(last - first + 1) AS readings, min(first), code
       FROM batch WHERE meter = ? AND state <> 'committed' GROUP BY 1`,
    )
    .all(meter);
  const readings = (refused: number) =>
    Number(rows.find((row) => row.refused === refused)?.readings ?? 0);
  // Beside min() SQLite gives the other columns of the row that has the minimum.
  const code = rows.find((row) => row.refused === 1)?.code;
  return {
    waiting: readings(0),
    refused: readings(1),
    code: typeof code === "string" ? code : undefined,
  };
}
