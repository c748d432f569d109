import type { DatabaseSync } from "node:sqlite";
import { chainHead, chainStart, compareBytes, decodeMessage, openFrame } from "@busbar/protocol";
import { sha256 } from "./hash.ts";
import { decodeRow } from "./row.ts";
import { batchRows, metersWithReadings, readingRows } from "./rows.ts";

/** One thing wrong in the journal. `code` is `journal.*`. */
export type JournalProblem = {
  readonly meter: string;
  readonly seq: number;
  readonly code: string;
  readonly message: string;
};

/** What a check of the whole journal found. */
export type Verification = {
  readonly readings: number;
  readonly batches: number;
  readonly problems: readonly JournalProblem[];
};

/**
 * Follows every meter's chain from its start, or from where it was pruned, and compares each batch
 * with the readings it signs. Codes: `journal.file`, `journal.row`, `journal.gap`, `journal.chain`, `journal.batch`.
 */
export function verifyJournal(
  database: DatabaseSync,
  chain: string,
  onProgress: (readings: number) => void = () => {},
): Verification {
  const problems: JournalProblem[] = [];
  const report = (meter: string, seq: number, code: string, message: string) =>
    problems.push({ meter, seq, code, message });
  verifyFile(database, report);
  let readings = 0;
  for (const meter of metersWithReadings(database)) {
    readings += verifyChain(database, { chain, meter, before: readings, onProgress }, report);
  }
  const batches = verifyBatches(database, report);
  return { readings, batches, problems };
}

type Report = (meter: string, seq: number, code: string, message: string) => void;

/** Whether SQLite finds its own structure whole: a flipped byte may spoil an index only. */
function verifyFile(database: DatabaseSync, report: Report): void {
  const found = database.prepare("PRAGMA quick_check(20)").all();
  const lines = found.map((row) => String(Object.values(row)[0]));
  for (const line of lines) if (line !== "ok") report("", 0, "journal.file", line);
}

type ChainOfMeter = {
  readonly chain: string;
  readonly meter: string;
  readonly before: number;
  readonly onProgress: (readings: number) => void;
};

function verifyChain(
  database: DatabaseSync,
  { chain, meter, before, onProgress }: ChainOfMeter,
  report: Report,
): number {
  const anchor = database.prepare("SELECT seq, head FROM anchor WHERE meter = ?");
  const begin = () => {
    const at = anchor.get(meter);
    const start = (at?.head as Uint8Array | undefined) ?? chainStart(chain, meter, sha256);
    return { seq: Number(at?.seq ?? 0), head: start };
  };
  let { seq, head } = begin();
  let count = 0;
  for (const row of readingRows(database, { meter })) {
    count += 1;
    if (count % 1_000 === 0) onProgress(before + count);
    const at = row.seq;
    // A unit that runs beside may have pruned since.
    if (at !== seq + 1 && begin().seq === at - 1) ({ seq, head } = begin());
    if (at !== seq + 1) report(meter, at, "journal.gap", `expected reading ${seq + 1}, got ${at}`);
    const read = decodeRow(row.payload);
    if (read === undefined || read.meter !== meter || read.seq !== at) {
      report(meter, at, "journal.row", "the row holds no reading of this meter and number");
    } else {
      const next = chainHead(head, read.entry, sha256);
      if (compareBytes(read.prev, head) !== 0 || compareBytes(next, row.head) !== 0) {
        report(meter, at, "journal.chain", "the reading does not continue the chain before it");
      }
    }
    seq = at;
    // Go on from what the row says, so that one damaged row is one problem and not all that follow.
    head = row.head;
  }
  return count;
}

function verifyBatches(database: DatabaseSync, report: Report): number {
  const payloads = database.prepare(
    "SELECT seq, payload FROM reading WHERE meter = ? AND seq BETWEEN ? AND ? ORDER BY seq",
  );
  const still = database.prepare("SELECT 1 FROM batch WHERE meter = ? AND first = ?");
  let count = 0;
  const expected = new Map<string, number>();
  for (const row of batchRows(database)) {
    count += 1;
    const [meter, first, last] = [String(row.meter), Number(row.first), Number(row.last)];
    const rows = payloads.all(meter, first, last).map(({ payload }) => payload as Uint8Array);
    const next = expected.get(meter) ?? first;
    if (rows.length !== last - first + 1 && still.get(meter, first) === undefined) continue;
    if (first !== next) report(meter, first, "journal.batch", `expected a batch from ${next}`);
    expected.set(meter, last + 1);
    if (!signsRows(row.frame as Uint8Array, rows) || rows.length !== last - first + 1) {
      report(meter, first, "journal.batch", `the batch ${first}–${last} is not of these readings`);
    }
    if (compareBytes(sha256(row.frame as Uint8Array), row.ref as Uint8Array) !== 0) {
      report(meter, first, "journal.batch", "the frame is not what its reference names");
    }
  }
  return count;
}

/** Whether a frame's entries are those of the rows, by their chain heads. */
function signsRows(bytes: Uint8Array, rows: readonly Uint8Array[]): boolean {
  const opened = openFrame(bytes);
  if (!opened.ok || opened.frame.kind !== "readings") return false;
  const decoded = decodeMessage("readings", opened.frame.envelope.payload);
  if (!decoded.ok || decoded.message.entries.length !== rows.length) return false;
  return decoded.message.entries.every((entry, i) => {
    const row = decodeRow(rows[i] ?? new Uint8Array());
    if (row === undefined) return false;
    return (
      compareBytes(chainHead(row.prev, entry, sha256), chainHead(row.prev, row.entry, sha256)) === 0
    );
  });
}
