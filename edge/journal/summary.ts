import type { DatabaseSync } from "node:sqlite";
import { usedBytes } from "./prune.ts";

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
      `SELECT m.meter, count(r.seq) AS readings, min(r.seq) AS firstSeq, max(r.seq) AS lastSeq,
              min(r.time) AS "from", max(r.time) AS "to",
              coalesce((SELECT seq FROM anchor WHERE meter = m.meter), 0) AS pruned
       FROM (SELECT meter FROM reading UNION SELECT meter FROM anchor) AS m
       LEFT JOIN reading AS r ON r.meter = m.meter GROUP BY m.meter ORDER BY m.meter`,
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
  const pruned = Number(row.pruned);
  const number = (value: unknown) => (value === null ? undefined : Number(value));
  return {
    meter,
    taken: number(row.lastSeq) ?? pruned,
    readings,
    firstSeq: number(row.firstSeq),
    lastSeq: number(row.lastSeq),
    from: number(row.from),
    to: number(row.to),
    unsigned: readings - signed,
    waiting: count("signed", "sent"),
    committed: count("committed") + pruned,
    refused: count("refused"),
    code: typeof code === "string" ? code : undefined,
  };
}
