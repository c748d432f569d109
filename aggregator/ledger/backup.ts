import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Failure, type Verify } from "@busbar/protocol";
import { Application } from "./application.ts";
import { faultsIn } from "./archive/archive.ts";
import { faultInSteps } from "./council-steps.ts";
import type { Genesis } from "./genesis.ts";
import { noteRestored, restoredKey } from "./restored.ts";
import { Store } from "./store.ts";

/** What a backup holds. */
export type BackupContent = {
  readonly height: number;
  /** Whole blocks are in it above this height. */
  readonly base: number;
  readonly waiting: number;
};

type Grounds = { readonly genesis: Genesis; readonly verify: Verify };

/**
 * Writes a copy of a ledger that may be running: all of one height, checked after it was written, under
 * its name only when it is on disk. Throws: `Failure` `backup.exists`, `backup.write`, `backup.damaged`.
 */
export function backUp(path: string, target: string, grounds: Grounds): BackupContent {
  insistFree(target);
  const part = `${target}.part`;
  removeDatabase(part);
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 10_000 });
    try {
      db.prepare("VACUUM INTO ?").run(part);
    } finally {
      db.close();
    }
    const content = examineBackup(part, grounds, target);
    takeOver(part, target);
    return content;
  } catch (cause) {
    removeDatabase(part);
    throw known(cause) ?? unwritten(target, cause);
  }
}

/**
 * Puts a backup in the place of a store that is not there. `silent`: its member is one of several, and
 * forgot what it voted on: it keeps silent until it has passed that (`silentUntil`).
 * Throws: `Failure` `backup.exists`, `backup.damaged`, `backup.write`, `store.*`.
 */
export function restoreBackup(
  backup: string,
  target: string,
  { silent, ...grounds }: Grounds & { readonly silent: boolean },
): BackupContent {
  insistFree(target);
  if (!existsSync(backup)) throw noCopy(backup, "it is not there");
  const part = `${target}.part`;
  removeDatabase(part);
  try {
    copyFileSync(backup, part);
    // The copy is checked, which is what will be used.
    const content = examineBackup(part, grounds, backup);
    const store = new Store(part);
    try {
      store.write(() => store.db.exec("DELETE FROM vote"));
      noteRestored(store, silent ? { height: content.height } : undefined);
      store.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      store.close();
    }
    takeOver(part, target);
    return content;
  } catch (cause) {
    removeDatabase(part);
    throw known(cause) ?? unwritten(target, cause);
  }
}

/** Checks a backup as far as it can be without a replay: file, chain of blocks, roots, state. `name`: what
 * people call the file. Throws: `Failure` `backup.damaged`, `store.*`. */
export function examineBackup(
  path: string,
  { genesis, verify }: Grounds,
  name = path,
): BackupContent {
  if (!existsSync(path)) throw noCopy(name, "it is not there");
  const store = openCopy(path, name);
  try {
    const sound = store.db.prepare("PRAGMA integrity_check").get()?.integrity_check;
    if (sound !== "ok") throw noCopy(name, `SQLite says ${String(sound)}`);
    if (store.genesis === undefined) throw noCopy(name, "it holds no ledger");
    // Compares genesis, and the state with what the last block certified.
    new Application({ genesis, store, verify });
    const { height, base } = store;
    const fault = faultsIn(store, { from: base + 1, to: height });
    if (fault !== undefined) throw noCopy(name, `block ${fault.height} ${fault.message}`);
    const steps = faultInSteps(store, genesis, verify);
    if (steps !== undefined) throw noCopy(name, `its steps from voters to voters: ${steps}`);
    return { height, base, waiting: store.pending().length };
  } finally {
    store.close();
  }
}

/** Whether a store came out of a backup and keeps silent still. */
export function isSilent(store: Store): boolean {
  return store.meta(restoredKey) !== undefined;
}

function insistFree(target: string): void {
  const existing = ["", "-wal", "-shm"]
    .map((end) => `${target}${end}`)
    .find((at) => existsSync(at));
  if (existing === undefined) return;
  throw new Failure(
    "backup.exists",
    `${existing} exists, and nothing is written over a ledger; name another file, or move it elsewhere yourself`,
    { retry: "never" },
  );
}

function takeOver(part: string, target: string): void {
  sync(part);
  renameSync(part, target);
  for (const end of ["-wal", "-shm"]) rmSync(`${part}${end}`, { force: true });
  sync(dirname(target));
}

function removeDatabase(path: string): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
}

function sync(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function known(cause: unknown): Failure | undefined {
  return cause instanceof Failure ? cause : undefined;
}

function unwritten(target: string, cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Failure("backup.write", `${target}: cannot be written: ${reason}`, {
    retry: "later",
    cause,
  });
}

function openCopy(path: string, name: string): Store {
  try {
    return new Store(path, [], { snapshot: true });
  } catch (error) {
    if (known(error)?.code !== "store.open") throw error;
    throw noCopy(name, "it is not a file that backup wrote, or it is cut off");
  }
}

function noCopy(path: string, reason: string): Failure {
  return new Failure("backup.damaged", `${path}: no sound copy of a ledger: ${reason}`, {
    retry: "never",
  });
}
