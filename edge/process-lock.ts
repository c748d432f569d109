import { DatabaseSync } from "node:sqlite";

/**
 * Takes a lock file for this process; undefined while another process holds it. The lock ends with
 * the process, however it ends. Throws: what SQLite throws where the file cannot be made.
 */
export function takeLock(path: string): { release(): void } | undefined {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
    return { release: () => lock.close() };
  } catch (cause) {
    lock.close();
    // SQLITE_BUSY
    if ((cause as { errcode?: number }).errcode === 5) return undefined;
    throw cause;
  }
}
