import type { DatabaseSync } from "node:sqlite";
import { Failure, nearest, obis } from "@busbar/protocol";
import { plainEntry } from "../journal/export.ts";
import { decodeRow } from "../journal/row.ts";
import { type JournalSummary, metersIn } from "../journal/summary.ts";
import { table } from "./output.ts";

/** How much of each meter's readings is where, as a table of 80 columns. */
export function summaryText(summary: JournalSummary): string {
  const rows = summary.meters.map((meter) => [
    meter.meter,
    String(meter.taken),
    String(meter.committed),
    String(meter.waiting + meter.unsigned),
    String(meter.refused),
    meter.to === undefined ? "" : timeText(meter.to),
    meter.code ?? "",
  ]);
  const head = ["meter", "taken", "on ledger", "waiting", "refused", "newest", "refused with"];
  return `${table(head, rows)}\n${(summary.bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** The newest entries of a meter, oldest first, with what became of each. */
export function lastEntries(database: DatabaseSync, meter: string, count: number) {
  const rows = database
    .prepare("SELECT seq, payload FROM reading WHERE meter = ? ORDER BY seq DESC LIMIT ?")
    .all(meter, count)
    .reverse();
  const batch = database.prepare(
    "SELECT last, state FROM batch WHERE meter = ? AND first <= ? ORDER BY first DESC LIMIT 1",
  );
  return rows.map(({ seq, payload }) => {
    const at = batch.get(meter, Number(seq));
    const state = at === undefined || Number(at.last) < Number(seq) ? "unsigned" : at.state;
    const row = decodeRow(payload as Uint8Array);
    const entry = row === undefined ? undefined : plainEntry(row.entry);
    return { seq: Number(seq), state: String(state), ...(entry ?? { damaged: true }) };
  });
}

/** Entries as a table: the billing registers; `--json` has all. */
export function entriesText(entries: ReturnType<typeof lastEntries>): string {
  const rows = entries.map((entry) => {
    if (!("registers" in entry)) return [String(entry.seq), "damaged: see journal verify"];
    const { seq, time, registers, quality, clock, state } = entry;
    const billed = [obis.importEnergy, obis.exportEnergy].map((code) => registers[code] ?? "");
    const known = clock.endsWith("doubtful") ? "doubtful" : clock;
    return [String(seq), time.replace(/\.000Z$/, "Z"), ...billed, quality, known, state];
  });
  return table(["seq", "time", "import Wh", "export Wh", "quality", "clock", "state"], rows);
}

/** The id, if the journal has readings of it. Throws: `Failure` `usage.meter`. */
export function knownMeter(database: DatabaseSync, meter: string): string {
  const known = metersIn(database);
  if (known.includes(meter)) return meter;
  const near = nearest(meter, known);
  const hint = near === undefined ? known.join(", ") || "none" : `did you mean ${near}?`;
  const message = `no readings of a meter ${JSON.stringify(meter)} are in the journal: ${hint}`;
  throw new Failure("usage.meter", message, { retry: "never" });
}

const timeText = (ms: number) => new Date(ms).toISOString().replace(/\.\d{3}Z$/, "Z");
