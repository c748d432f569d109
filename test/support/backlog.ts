/** Run as a program it records a backlog: what a unit has that was long without a link. */
import { join } from "node:path";
import { clockSource, type ReadingEntry, utcMs } from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { openDatabase } from "../../edge/journal/database.ts";
import { Journal } from "../../edge/journal/journal.ts";

/** How many readings of each meter, from when on and how far apart (site ms), and how many of them
 * are signed together. `data`: the unit's data folder; `key`: its key file. */
export type Backlog = {
  readonly data: string;
  readonly key: string;
  readonly chain: string;
  readonly meters: readonly string[];
  readonly readings: number;
  readonly fromMs: number;
  readonly everyMs: number;
  readonly batch: number;
  readonly registers: number;
};

/** What the reading of a number says. */
export function readingAt(n: number, { fromMs, everyMs, registers }: Backlog): ReadingEntry {
  return {
    time: utcMs(fromMs + n * everyMs),
    clock: clockSource.ntp,
    registers: new Map(
      Array.from({ length: registers }, (_, i) => [`1-0:${i + 1}.8.0`, [n * 17 + i, 0]] as const),
    ),
    quality: 0,
  };
}

/** Readings that share a commit, so that preparing a month does not take an hour of fsyncs. */
const perCommit = 200;

if (import.meta.main) record(JSON.parse(process.argv[2] ?? "{}") as Backlog);

function record(backlog: Backlog): void {
  const { data, key, chain, meters, readings, batch } = backlog;
  const database = openDatabase(join(data, "journal.db"));
  const journal = new Journal(database, { chain, signer: signerOf(openKeyFile(key)) });
  for (let from = 0; from < readings; from += perCommit) {
    const count = Math.min(perCommit, readings - from);
    const numbers = Array.from({ length: count }, (_, i) => from + i + 1);
    journal.append(
      numbers.flatMap((n) => meters.map((meter) => ({ meter, entry: readingAt(n, backlog) }))),
    );
    for (const meter of meters) journal.seal(meter, batch);
  }
  journal.close();
}
