import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { program } from "../support/programs.ts";
import type { Watched } from "./site.ts";

/** How often it is looked whether the process was started anew. */
const lookMs = 100;
/** No file of a process grows beyond this while its files cannot grow: less than any ledger has. */
const fileBytesMax = 4_096;

/** What a disk does: which calls fail, and how, as strace injects it. */
export const diskFaults = {
  full: ["pwrite64,write,ftruncate,fallocate", "error=ENOSPC"],
  "read-only": ["pwrite64,write,ftruncate,unlink,fallocate", "error=EROFS"],
  failing: ["fsync,fdatasync", "error=EIO"],
  slow: ["fsync,fdatasync", "delay_enter=100000"],
} as const;

const strace = program("strace", "strace");

/** Why disks cannot be made to fail here; undefined where they can. */
export async function whyNoDiskFaults(): Promise<string | undefined> {
  if ("skip" in strace) return strace.skip;
  // A process of ours, as those of the site are, and as short as it takes to try.
  const tried = spawn("sleep", ["0.3"], { stdio: "ignore" });
  const gone = once(tried, "exit");
  try {
    await promisify(execFile)(strace.path, ["-qq", "-o", "/dev/null", "-p", String(tried.pid)]);
    return undefined;
  } catch {
    return "strace may not look into other processes here (kernel.yama.ptrace_scope)";
  } finally {
    await gone;
  }
}

/**
 * Lets the disk of a process fail until it is healed, without any rights: strace answers the calls that are about the
 * databases in its folder. A process that ends by it and is started anew finds the same disk.
 */
export function failDisk(
  { child, folder = "" }: Watched,
  fault: keyof typeof diskFaults,
): () => Promise<void> {
  if (!("path" in strace)) return async () => {};
  const [calls, what] = diskFaults[fault];
  const tracer = strace.path;
  let attached: { readonly pid: number; readonly process: ChildProcess } | undefined;
  const look = () => {
    const { pid } = child;
    if (pid === undefined || attached?.pid === pid) return;
    const files = databases(folder).flatMap((file) => ["-P", file]);
    const inject = ["-e", `trace=${calls}`, "-e", `inject=${calls}:${what}`];
    const args = ["-f", "-qq", "-o", "/dev/null", ...files, ...inject, "-p", String(pid)];
    const process = spawn(tracer, args, { stdio: "ignore" });
    attached = { pid, process };
  };
  look();
  const timer = setInterval(look, lookMs);
  return async () => {
    clearInterval(timer);
    const { process } = attached ?? {};
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const gone = once(process, "exit");
    process.kill("SIGINT");
    await gone;
  };
}

/** Lets no file of a process grow: its writes fail with EFBIG. A process that is started anew is not bound. */
export async function stopGrowth({ child }: Watched): Promise<() => Promise<void>> {
  const { pid } = child;
  if (pid === undefined) return async () => {};
  await limit(pid, String(fileBytesMax));
  return async () => {
    if (child.pid === pid) await limit(pid, "unlimited");
  };
}

async function limit(pid: number, bytes: string): Promise<void> {
  await promisify(execFile)("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`]);
}

/** The databases below a folder, with the files that SQLite keeps beside them. */
function databases(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(sqlite|db)$/.test(name))
    .map((name) => join(folder, name))
    .flatMap((file) => [file, `${file}-wal`, `${file}-journal`]);
}
