import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { decodeReceipt, Failure, verifyReceipt } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import { loadMembership } from "../config/membership-file.ts";
import { openDatabaseToRead } from "../journal/database.ts";
import { type ExportFormat, exportReadings } from "../journal/export.ts";
import { summarise } from "../journal/summary.ts";
import { type JournalProblem, verifyJournal } from "../journal/verify.ts";
import { exitCode, print, table } from "./output.ts";

type Common = { readonly config: string; readonly json?: boolean };

/** How much of each meter's readings is where. */
export function journalList({ config, json = false }: Common): void {
  const { data } = loadConfig(config);
  const database = openDatabaseToRead(join(data, "journal.db"));
  const summary = summarise(database);
  database.close();
  print(json, summary, () => {
    const rows = summary.meters.map((meter) => [
      meter.meter,
      String(meter.taken),
      String(meter.committed),
      String(meter.waiting + meter.unsigned),
      String(meter.refused),
      meter.to === undefined ? "" : new Date(meter.to).toISOString(),
      meter.code ?? "",
    ]);
    const head = ["meter", "taken", "on ledger", "waiting", "refused", "newest", "refused with"];
    return `${table(head, rows)}\n${(summary.bytes / 1024 / 1024).toFixed(1)} MB`;
  });
}

/** Follows every chain and checks every receipt against the members' keys. */
export function journalVerify({ config, json = false }: Common): void {
  const { data, site, membership: file } = loadConfig(config);
  const database = openDatabaseToRead(join(data, "journal.db"));
  const { readings, batches, problems } = verifyJournal(database, site);
  const membership = loadMembership(file, site);
  const bad: JournalProblem[] = [...problems];
  let receipts = 0;
  if (membership !== undefined) {
    const rows = database
      .prepare("SELECT meter, first, receipt FROM batch WHERE receipt IS NOT NULL")
      .iterate();
    for (const { meter, first, receipt } of rows) {
      receipts += 1;
      const decoded = decodeReceipt(receipt as Uint8Array);
      const checked = decoded.ok ? verifyReceipt(decoded.receipt, membership, verify) : decoded;
      if (checked.ok) continue;
      const { code, message } = checked;
      bad.push({ meter: String(meter), seq: Number(first), code, message });
    }
  }
  database.close();
  const ok = bad.length === 0;
  print(json, { ok, readings, batches, receipts, problems: bad }, () => {
    const lines = bad.map(
      ({ meter, seq, code, message }) => `${meter} ${seq}: ${message} [${code}]`,
    );
    const checked = `${readings} readings, ${batches} batches, ${receipts} receipts`;
    return [...lines, ok ? `${checked}: all in order` : `${checked}: ${bad.length} problems`].join(
      "\n",
    );
  });
  if (!ok) process.exitCode = exitCode.failed;
}

/** Options of `busbar-edge journal export`. */
export type ExportOptions = {
  readonly config: string;
  readonly format: ExportFormat;
  readonly meter?: string;
  readonly from?: string;
  readonly to?: string;
  readonly output?: string;
};

/** Writes readings to a file or to standard output. */
export async function journalExport(options: ExportOptions): Promise<void> {
  const { data } = loadConfig(options.config);
  const database = openDatabaseToRead(join(data, "journal.db"));
  const range = {
    meter: options.meter,
    from: instantOf(options.from),
    to: instantOf(options.to),
  };
  const pieces = Readable.from(exportReadings(database, options.format, range));
  const target = options.output === undefined ? process.stdout : createWriteStream(options.output);
  await pipeline(pieces, target, { end: options.output !== undefined });
  database.close();
}

function instantOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  const message = `expected a date or time like 2026-06-21 or 2026-06-21T12:00Z, got ${JSON.stringify(text)}`;
  throw new Failure("usage.time", message, { retry: "never" });
}
