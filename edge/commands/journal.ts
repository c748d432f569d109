import { createWriteStream, existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Failure } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { loadMembership } from "../config/membership-file.ts";
import { lockFolder, openDatabaseToRead } from "../journal/database.ts";
import { type ExportFormat, exportReadings } from "../journal/export.ts";
import { summarise } from "../journal/summary.ts";
import { verifyJournal } from "../journal/verify.ts";
import { entriesText, knownMeter, lastEntries, summaryText } from "./journal-list.ts";
import { verifyReceipts } from "./journal-receipts.ts";
import { exitCode, print } from "./output.ts";
import { canRedraw, columnsOf, wrap } from "./terminal.ts";

type Common = { readonly config: string; readonly json?: boolean };

/** How much of each meter's readings is where; of one meter, its newest entries. */
export function journalList({
  config,
  json = false,
  meter,
  last,
}: Common & { readonly meter?: string; readonly last?: string }): void {
  const database = openDatabaseToRead(join(loadConfig(config).data, "journal.db"));
  try {
    if (meter === undefined && last === undefined) {
      const summary = summarise(database);
      return print(json, summary, () => summaryText(summary));
    }
    const count = Number(last ?? 20);
    if (meter === undefined || !Number.isInteger(count) || count < 1 || count > 100_000) {
      const message = `expected --meter ID and --last with a number from 1 to 100000, got --last ${last}`;
      throw new Failure("usage.last", message, { retry: "never" });
    }
    const entries = lastEntries(database, knownMeter(database, meter), count);
    print(json, { meter, entries }, () => entriesText(entries));
  } finally {
    database.close();
  }
}

/** What to do about a problem that verify found. */
const remedies: Readonly<Record<string, string>> = {
  "journal.file":
    "the file is damaged: stop the unit, run busbar-edge journal set-aside, look at the disk",
  "journal.batch":
    "a signed batch and its readings differ: keep a copy of the folder and show it to the operator",
};
const usualRemedy =
  "somebody or a fault changed the file: keep a copy of the folder; what has a receipt is proven by it";

/** Follows every chain and checks every receipt against the members' keys. */
export function journalVerify({ config, json = false }: Common): void {
  const { data, site, membership: file } = loadConfig(config);
  const database = openDatabaseToRead(join(data, "journal.db"));
  const progress = progressOn(process.stderr);
  const { readings, batches, problems } = verifyJournal(database, site, progress.show);
  progress.end();
  const membership = loadMembership(file, site);
  const receipts = membership === undefined ? undefined : verifyReceipts(database, membership);
  database.close();
  const bad = [...problems, ...(receipts?.problems ?? [])];
  const ok = bad.length === 0;
  const count = receipts?.count ?? 0;
  const told = bad.map((one) => ({ ...one, remedy: remedies[one.code] ?? usualRemedy }));
  print(json, { ok, readings, batches, receipts: count, problems: told }, () => {
    const lines = told.map(
      ({ meter, seq, code, message, remedy }) =>
        `${meter === "" ? "file" : `${meter} ${seq}`}: ${message} [${code}]\n${wrap(`  → ${remedy}`, columnsOf(process.stdout), "    ")}`,
    );
    const unchecked = receipts === undefined ? " (not checked: no membership file yet)" : "";
    const checked = `${readings} readings, ${batches} batches, ${count} receipts${unchecked}`;
    return [...lines, ok ? `${checked}: all in order` : `${checked}: ${bad.length} problems`].join(
      "\n",
    );
  });
  if (!ok) process.exitCode = exitCode.failed;
}

/** A count that runs on a terminal, and nowhere else. */
function progressOn(stream: NodeJS.WriteStream) {
  const shown = canRedraw(stream);
  return {
    show: (readings: number) => {
      if (shown) stream.write(`\r${readings} readings checked`);
    },
    end: () => {
      if (shown) stream.write("\r\u001b[K");
    },
  };
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
  const meter = options.meter === undefined ? undefined : knownMeter(database, options.meter);
  const range = { meter, from: instantOf(options.from), to: instantOf(options.to) };
  if ((range.from ?? 0) >= (range.to ?? Number.MAX_SAFE_INTEGER)) {
    const message = `expected --from before --to, got ${options.from} and ${options.to}`;
    throw new Failure("usage.time", message, { retry: "never" });
  }
  const pieces = Readable.from(exportReadings(database, options.format, range));
  const target = options.output === undefined ? process.stdout : createWriteStream(options.output);
  await pipeline(pieces, target, { end: options.output !== undefined });
  database.close();
}

/** Sets a journal aside, whole as it is, so that the next start begins a new one. */
export function journalSetAside({ config, json = false }: Common): void {
  const { data } = loadConfig(config);
  const lock = lockFolder(data);
  const now = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const moved: string[] = [];
  for (const end of ["", "-wal"]) {
    const from = join(data, `journal.db${end}`);
    if (!existsSync(from)) continue;
    const to = join(data, `journal-${now}.db${end}`);
    renameSync(from, to);
    moved.push(to);
  }
  lock.release();
  const [file] = moved;
  if (file === undefined) {
    const message = `${data}: there is no journal to set aside`;
    throw new Failure("journal.none", message, { retry: "never" });
  }
  print(
    json,
    { ok: true, moved },
    () =>
      `${moved.join("\n")}\nKept as it was: readings without a receipt stand there only. The next start begins a new\njournal and goes on where the ledger's chain of each meter ends.`,
  );
}

function instantOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  const message = `expected a date or time like 2026-06-21 or 2026-06-21T12:00Z, got ${JSON.stringify(text)}`;
  throw new Failure("usage.time", message, { retry: "never" });
}
