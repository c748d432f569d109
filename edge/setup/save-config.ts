import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Failure } from "@busbar/protocol";

/** Text of a file; undefined where there is none. Throws: `Failure` `setup.file`. */
export function textOf(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw failure(file, "cannot be read", cause);
  }
}

/**
 * Writes a configuration as a whole or not at all: beside it, to the disk, then in its place. The
 * former file stays as a backup, whose name is given back.
 * @param before what the file was when the changes were made; undefined: it was not there
 * Throws: `Failure` `setup.changed` when it is another one by now, `setup.file`.
 */
export function saveConfig(
  file: string,
  text: string,
  before: string | undefined,
): string | undefined {
  // A link to the file stays one.
  const target = existsSync(file) ? realpathSync(file) : resolve(file);
  if (textOf(target) !== before) {
    const message = `${file} was changed meanwhile; nothing was written, run the command again`;
    throw new Failure("setup.changed", message, { retry: "now" });
  }
  try {
    mkdirSync(dirname(target), { recursive: true });
    const mode = before === undefined ? 0o644 : statSync(target).mode & 0o777;
    const written = `${target}.${process.pid}.new`;
    try {
      writeWhole(written, text, mode);
      const backup = before === undefined ? undefined : backupOf(target);
      renameSync(written, target);
      syncFolder(dirname(target));
      return backup;
    } finally {
      rmSync(written, { force: true });
    }
  } catch (cause) {
    throw failure(file, "cannot be written; nothing was changed", cause);
  }
}

function writeWhole(path: string, text: string, mode: number): void {
  const descriptor = openSync(path, "wx", mode);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A second name for the file as it is now. */
function backupOf(target: string): string {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "");
  for (let n = 0; ; n += 1) {
    const backup = `${target}.${stamp}${n === 0 ? "" : `-${n}`}.bak`;
    if (existsSync(backup)) continue;
    linkSync(target, backup);
    return backup;
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(join(folder), "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function failure(file: string, what: string, cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Failure("setup.file", `${file}: ${what} (${reason})`, { retry: "never", cause });
}
