import type { DatabaseSync } from "node:sqlite";
import { usedBytes } from "./prune.ts";

/** How much of a meter's readings is where. Times are site ms. */
export type MeterSummary = {
  readonly meter: string;
  readonly readings: number;
  readonly firstSeq: number | undefined;
  readonly lastSeq: number | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly unsigned: number;
  readonly waiting: number;
  readonly committed: number;
  readonly refused: number;
  /** Why the ledger refused the oldest batch that waits. */
  readonly code: string | undefined;
};

/** How much lies in the journal. */
export type JournalSummary = {
  readonly bytes: number;
  readonly waitingBatches: number;
  readonly meters: readonly MeterSummary[];
};

/** Counts readings by what became of them. */
export function summarise(database: DatabaseSync): JournalSummary {
  const meters = database
    .prepare(
      `SELECT meter, count(*) AS readings, min(seq) AS firstSeq, max(seq) AS lastSeq,
              min(time) AS "from", max(time) AS "to" FROM reading GROUP BY meter ORDER BY meter`,
    )
    .all()
    .map((row) => meterSummary(database, row));
  const waiting = database
    .prepare("SELECT count(*) AS n FROM batch WHERE state <> 'committed'")
    .get();
  return { bytes: usedBytes(database), waitingBatches: Number(waiting?.n ?? 0), meters };
}

function meterSummary(database: DatabaseSync, row: Record<string, unknown>): MeterSummary {
  const meter = String(row.meter);
  const states = database
    .prepare("SELECT state, sum(last - first + 1) AS n FROM batch WHERE meter = ? GROUP BY state")
    .all(meter);
  const count = (...names: string[]) =>
    states.reduce((sum, { state, n }) => sum + (names.includes(String(state)) ? Number(n) : 0), 0);
  const code = database
    .prepare("SELECT code FROM batch WHERE meter = ? AND state = 'refused' ORDER BY first LIMIT 1")
    .get(meter)?.code;
  const readings = Number(row.readings);
  const signed = count("signed", "sent", "committed", "refused");
  return {
    meter,
    readings,
    firstSeq: Number(row.firstSeq),
    lastSeq: Number(row.lastSeq),
    from: Number(row.from),
    to: Number(row.to),
    unsigned: readings - signed,
    waiting: count("signed", "sent"),
    committed: count("committed"),
    refused: count("refused"),
    code: typeof code === "string" ? code : undefined,
  };
}
