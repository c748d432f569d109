import { rmSync } from "node:fs";
import { join } from "node:path";
import { readIfThere, writeWhole } from "../nodes/link/durable.ts";

/** Says who runs in a user folder: a process, and when it began, for ids of processes come again. */
export function markRunning(userDir: string): void {
  writeWhole(fileOf(userDir), `${process.pid} ${beganOf(process.pid) ?? ""}\n`);
}

export function unmarkRunning(userDir: string): void {
  rmSync(fileOf(userDir), { force: true });
}

/** The process that runs in a user folder; undefined where it ended without taking its mark away. */
export function runningIn(userDir: string): number | undefined {
  const [id = "", began = ""] = readIfThere(fileOf(userDir))?.trim().split(" ") ?? [];
  const pid = Number(id);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return began === (beganOf(pid) ?? "") && isThere(pid) ? pid : undefined;
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // Nobody, or somebody else's: not the one that was marked.
    return false;
  }
}

/** When a process began, in ticks since boot (proc(5), stat, field 22); undefined where nobody tells. */
function beganOf(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets, which may hold anything.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

const fileOf = (userDir: string) => join(userDir, "run.pid");
