import { type ChildProcess, fork } from "node:child_process";
import type { Counts, Mark } from "./observer.ts";
import type { Site } from "./site.ts";

export type Task = {
  readonly folder: string;
  readonly site: Site;
  readonly index: number;
  /** That check signatures beside the main one; as many as usual where absent. */
  readonly threads?: number;
  /** Whether to note what it does at its edges. */
  readonly observe?: boolean;
};

/** What a parent asks; each is answered once. */
export type Request =
  | { readonly do: "start"; readonly ports: readonly number[] }
  /** Makes the frames of these units, to be sent later. */
  | { readonly do: "sign"; readonly units: readonly number[]; readonly batches: number }
  /** Sends the next `count` of them, and answers when `total` frames more stand in this member's blocks. */
  | { readonly do: "saturate"; readonly count: number; readonly total: number }
  /** Sends one frame after the other; answers with a `Latency` of each. */
  | { readonly do: "light"; readonly count: number; readonly everyMs: number }
  | { readonly do: "report" }
  /** Answers with `Observed`: what it has done in all, and the marks since it was last asked. */
  | { readonly do: "observed" }
  | { readonly do: "stop" };

/** When a member began and ended, wall ms, and the processor's time that it took for it: all threads, and the
 * ledger's alone. */
export type Span = {
  readonly startMs: number;
  readonly endMs: number;
  readonly cpuMs: number;
  readonly ledgerMs: number;
};

/** From a frame's arrival to its block on disk, ms of the machine's monotonic clock. */
export type Latency = { readonly start: number; readonly end: number };

export type Observed = {
  readonly counts: Counts;
  readonly marks: readonly Mark[];
  /** Whether it takes part in the view that is in force. */
  readonly inView: boolean;
};

export type Report = {
  readonly height: number;
  readonly frames: number;
  readonly storeBytes: number;
  readonly rssMb: number;
  readonly peakMb: number;
  /** What became of messages that were no readings in a block. */
  readonly counters: Readonly<Record<string, number>>;
};

/** A process that answers what it is asked, one thing after the other. */
export class Asked {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves with its first answer, once it is ready. */
  static async start(file: URL, task: unknown): Promise<{ process: Asked; first: unknown }> {
    const child = fork(file, [JSON.stringify(task)]);
    const process = new Asked(child);
    return { process, first: await process.#answer() };
  }

  ask(request: unknown): Promise<unknown> {
    const answer = this.#answer();
    this.#child.send(request as object);
    return answer;
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }

  #answer(): Promise<unknown> {
    return new Promise((done, broke) => {
      const ended = (code: number | null) => broke(new Error(`a process ended with ${code}`));
      this.#child.once("exit", ended);
      this.#child.once("message", ({ result }: { result: unknown }) => {
        this.#child.off("exit", ended);
        done(result);
      });
    });
  }
}

/** A member's process. */
export type MemberProcess = {
  ask(request: Request): Promise<unknown>;
  end(): void;
};

/** Starts members and links them. */
export async function startMembers(
  tasks: readonly Task[],
): Promise<readonly [MemberProcess, ...MemberProcess[]]> {
  const file = new URL("./member-process.ts", import.meta.url);
  const started = await Promise.all(tasks.map((task) => Asked.start(file, task)));
  const ports = started.map(({ first }) => Number(first));
  const [one, ...others] = started.map(({ process }) => process);
  if (one === undefined) throw new Error("expected a member");
  await Promise.all(started.map(({ process }) => process.ask({ do: "start", ports })));
  return [one, ...others];
}
