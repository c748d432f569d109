import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { Said } from "./story.ts";

const storyteller = fileURLToPath(new URL("./storyteller.ts", import.meta.url));

/** The system calls by which SQLite changes files. `mkdir` and `openat` make them. */
export const changingCalls = ["pwrite64", "fsync", "fdatasync", "ftruncate", "unlink"] as const;

/** Where thousands of small journals are written and opened: in memory, if there is such a folder. */
export const quickFolder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** strace, a journal file, the unit's key, and how long the story is. */
export type Stage = {
  readonly strace: string;
  readonly path: string;
  readonly key: string;
  readonly rounds: number;
};

/** How the storyteller ended and what it had promised until then. */
export type Telling = {
  readonly killed: boolean;
  readonly code: number | null;
  readonly said: readonly Said[];
  readonly errors: string;
};

/** Tells the story under strace with more options; only calls on the journal's files are counted. */
export async function tellUnder(stage: Stage, options: readonly string[]): Promise<Telling> {
  const files = [stage.path, `${stage.path}-wal`, `${stage.path}-journal`];
  const args = [...options, ...files.flatMap((file) => ["-P", file])];
  return await run(stage.strace, ["-f", "-qq", ...args, process.execPath, ...storyOf(stage)]);
}

/** Tells the story with every change to every file written down, bytes and all. */
export async function tellRecorded(stage: Stage, trace: string): Promise<Telling> {
  const calls = [...changingCalls, "write", "mkdir", "openat"].join(",");
  const args = ["-f", "-qq", "-y", "-xx", "-s", "1000000", "-e", `trace=${calls}`, "-o", trace];
  return await run(stage.strace, [...args, process.execPath, ...storyOf(stage)]);
}

/** How often each call is made on the journal's files when nothing goes wrong. */
export async function countCalls(stage: Stage, trace: string): Promise<Map<string, number>> {
  const options = ["-e", `trace=${changingCalls.join(",")}`, "-o", trace];
  const { code, errors } = await tellUnder(stage, options);
  if (code !== 0) throw new Error(`the story was not told: ${errors}`);
  const counts = new Map<string, number>();
  for (const [, call = ""] of readFileSync(trace, "utf8").matchAll(/^(?:\d+ +)?(\w+)\(/gm)) {
    counts.set(call, (counts.get(call) ?? 0) + 1);
  }
  return counts;
}

const storyOf = ({ path, key, rounds }: Stage) => [storyteller, path, key, String(rounds)];

function run(file: string, args: readonly string[]): Promise<Telling> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    let [out, errors] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const said = out
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Said);
      // strace ends as its program ended, by the same signal too.
      resolve({ killed: signal === "SIGKILL" || code === 137, code, said, errors });
    });
  });
}
