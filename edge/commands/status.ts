import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { openDatabaseToRead } from "../journal/database.ts";
import { type JournalSummary, summarise } from "../journal/summary.ts";
import { askUnit, statusUrl } from "../status/ask.ts";
import { problemsOf } from "../status/problems.ts";
import { exitCode, print } from "./output.ts";
import { statusText, stoppedText } from "./status-text.ts";
import { canRedraw, columnsOf } from "./terminal.ts";

/** Options of `busbar-edge status`. */
export type StatusOptions = {
  readonly config: string;
  readonly watch?: boolean;
  readonly json?: boolean;
};

const everyMs = 2_000;

/**
 * Shows what the unit's page shows; of a unit that does not run, what its journal says. The exit code
 * is 1 when something is at fault, of the last look with `watch`.
 * Throws: `Failure` `status.other`, `status.port-unknown`, `status.failed`, `journal.*`.
 */
export async function statusCommand(options: StatusOptions): Promise<void> {
  const config = loadConfig(options.config);
  do {
    process.exitCode = (await show(config, options)) ? exitCode.ok : exitCode.failed;
    if (options.watch === true) await sleep(everyMs);
  } while (options.watch === true);
}

async function show(config: LoadedConfig, { watch = false, json = false }: StatusOptions) {
  const status = await askUnit(config);
  if (watch && !json && canRedraw(process.stdout)) process.stdout.write("\u001b[H\u001b[J");
  if (status === undefined) {
    const journal = journalOf(config);
    const value = { ok: false, running: false, device: config.device.id, journal };
    print(json, value, () => stoppedText(journal, statusUrl(config.status)));
    return false;
  }
  const problems = problemsOf(status);
  const ok = problems.every(({ state }) => state !== "fault");
  const width = columnsOf(process.stdout);
  print(json, { ok, running: true, problems, ...status }, () =>
    statusText(status, Date.now(), width),
  );
  return ok;
}

function journalOf({ data }: LoadedConfig): JournalSummary | undefined {
  const path = join(data, "journal.db");
  if (!existsSync(path)) return undefined;
  const database = openDatabaseToRead(path);
  try {
    return summarise(database);
  } finally {
    database.close();
  }
}
