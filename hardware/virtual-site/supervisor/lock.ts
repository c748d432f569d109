import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Failure } from "@busbar/protocol";

/** Held while a supervisor uses a home. */
export type Lock = { release(): void };

/** A site that was told to end needs a moment, and npm gives the terminal back before it is over. */
const endMsMax = 3_000;
/** SQLITE_BUSY: somebody else holds the lock. */
const busy = 5;

/**
 * Keeps other supervisors from a home. The lock ends with the process, however it ends, and no
 * reused process number can be taken for it. `holder` words who has it.
 * Throws: `Failure` `site.running`, `site.home`.
 */
export function lockHome(home: string, holder: () => string): Lock {
  try {
    mkdirSync(home, { recursive: true });
    const database = new DatabaseSync(join(home, "run.lock"), { timeout: endMsMax });
    database.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
    return { release: () => database.close() };
  } catch (cause) {
    if ((cause as { errcode?: number }).errcode !== busy) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `${home}: cannot be a site's home (${reason}); name another one with --home`;
      throw new Failure("site.home", message, { retry: "never", cause });
    }
    const message = `the site in ${home} runs already${holder()}; end it with Ctrl-C there, or use another --home`;
    throw new Failure("site.running", message, { retry: "never" });
  }
}
