import { readdirSync, readFileSync } from "node:fs";

/** What is told of a process's threads: ms for which each wanted a processor and had none. */
export type Waits = ReadonlyMap<string, number>;

/** On a machine without any processor for it a board's time would stand still, and a limit never come. */
const shareMin = 0.02;

/**
 * Time of a board that is emulated beside other work: as long as its processors wait for one of this machine's
 * it goes by more slowly, down to a fiftieth. What has so much time and no more is the same on a busy machine.
 */
export class Pace {
  readonly #now: () => number;
  readonly #waits: () => Waits;
  #at: number;
  #before: Waits = new Map();
  #passedMs = 0;

  /** @param now a monotonic clock, ms @param waits of the process that runs now; empty where there is none */
  constructor({ now, waits }: { readonly now: () => number; readonly waits: () => Waits }) {
    this.#now = now;
    this.#waits = waits;
    this.#at = now();
  }

  /** ms of the board's time since the beginning. */
  passedMs(): number {
    const at = this.#now();
    const waits = this.#waits();
    const elapsed = at - this.#at;
    const waited = [...waits].map(([id, ms]) => ms - (this.#before.get(id) ?? 0));
    // A thread that began since the last look has waited in between; another process's numbers are no measure.
    const hindered = Math.min(Math.max(0, ...waited), elapsed);
    this.#passedMs += Math.max(elapsed - hindered, elapsed * shareMin);
    this.#at = at;
    this.#before = waits;
    return this.#passedMs;
  }
}

/**
 * How long each thread of a process waited for a processor. Source: Linux, Documentation/scheduler/sched-stats.rst,
 * "/proc/<pid>/schedstat"; a kernel that does not count gives nothing, and time is then the machine's own.
 */
export function waitsOf(pid: number | undefined): Waits {
  const waits = new Map<string, number>();
  if (pid === undefined) return waits;
  for (const id of readdirSafely(`/proc/${pid}/task`)) {
    const [, ns] = readSafely(`/proc/${pid}/task/${id}/schedstat`).split(" ");
    if (ns !== undefined) waits.set(`${pid}/${id}`, Number(ns) / 1e6);
  }
  return waits;
}

function readdirSafely(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    // The process ended meanwhile.
    return [];
  }
}

function readSafely(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The thread ended meanwhile.
    return "";
  }
}
