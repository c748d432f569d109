import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const root = join(import.meta.dirname, "../..");

/** The programs that a virtual site is made of, as one starts them by hand. */
export const programs = {
  site: join(root, "hardware/virtual-site/main.ts"),
  meters: join(root, "hardware/virtual-site/meters/main.ts"),
  edge: join(root, "edge/cli.ts"),
  aggregator: join(root, "aggregator/cli.ts"),
} as const;

/** A program that a test started, with all that it says. */
export type Running = {
  readonly process: ChildProcess;
  readonly out: () => string;
  readonly errors: () => string;
  readonly ended: Promise<Ended>;
};

/** How a program ended. */
export type Ended = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly errors: string;
};

/** What a bounded run ends with (`npm start -- --json`). */
export type Report = {
  readonly ok: boolean;
  readonly readings: Readonly<Record<"taken" | "committed" | "lost" | "countedTwice", number>>;
  readonly blocks: number;
  readonly trades: number;
  readonly tradesByScale: Readonly<Record<"day-ahead" | "intraday" | "real-time", number>>;
  readonly settledTrades: number;
  readonly settledMoneySum: number;
  /** A bill of the run, and whether the members' keys alone proved it. */
  readonly bill: { readonly owner: string; readonly lines: number; readonly verified: boolean };
  /** Different notices that the owners' phones received in this run. */
  readonly notices: number;
  readonly appHash: string;
  readonly replay: string;
  readonly members: readonly { readonly height: number; readonly appHash: string }[];
};

/** What `<home>/site.json` says. */
export type SiteState = {
  readonly siteMs: number;
  readonly supervisor: number;
  readonly children: readonly { readonly name: string; readonly pid: number }[];
};

/**
 * One folder and one range of free ports for the processes of a test file. Every process names the
 * folder in its command line, which is how `end` finds all of them, whoever started them.
 */
export class Scene {
  readonly home = mkdtempSync(join(tmpdir(), "busbar-scenario-"));
  readonly portBase: number;

  private constructor(portBase: number) {
    this.portBase = portBase;
  }

  static async open(): Promise<Scene> {
    return new Scene(await freePortBase());
  }

  get portal(): string {
    return `http://127.0.0.1:${this.portBase}`;
  }

  /** Starts a virtual site in the folder, on the ports, without Node-RED. */
  site(...args: readonly string[]): Running {
    const own = ["--home", this.home, "--port-base", String(this.portBase), "--no-flows"];
    return start(programs.site, [...own, ...args]);
  }

  /** A file of the site. */
  file(...names: readonly string[]): string {
    return join(this.home, ...names);
  }

  /** The site's state, or undefined before there is one. */
  state(): SiteState | undefined {
    try {
      return JSON.parse(readFileSync(this.file("site.json"), "utf8")) as SiteState;
    } catch {
      // Not written yet: whoever asks waits for it.
      return undefined;
    }
  }

  /** Process number of a child of the supervisor, while it runs. */
  pid(name: string): number | undefined {
    return this.state()?.children.find((child) => child.name === name)?.pid;
  }

  /** What the portal's API answers; undefined while nobody answers. */
  api<T>(path: string): Promise<T | undefined> {
    return json<T>(`${this.portal}/api/${path}`);
  }

  /** Resolves when every edge unit of a running site has an aggregator that takes its readings. */
  async unitsConnected(site: Running): Promise<void> {
    for (const unit of [0, 1, 2, 3]) {
      await until(`unit ${unit} is connected`, () => {
        if (site.process.exitCode !== null) throw new Error(`the site ended: ${site.errors()}`);
        return this.#unitConnected(unit);
      });
    }
  }

  async #unitConnected(unit: number): Promise<true | undefined> {
    const status = await json<{ link?: { hostReady: boolean } }>(
      `http://127.0.0.1:${this.portBase + 10 + unit}/status`,
    );
    return status?.link?.hostReady === true ? true : undefined;
  }

  /** Processes that name the folder in their command line. */
  processes(): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) => commandOf(pid).includes(this.home))
      .map(Number);
  }

  /** Kills whatever still runs and deletes the folder. */
  async end(): Promise<void> {
    // Again until none is left: a supervisor may start another one before it is killed itself.
    await until("all processes are gone", () => {
      const left = this.processes();
      for (const pid of left) kill(pid);
      return left.length === 0 ? true : undefined;
    });
    rmSync(this.home, { recursive: true, force: true });
  }
}

async function json<T>(url: string): Promise<T | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    return response.ok ? ((await response.json()) as T) : undefined;
  } catch {
    // Starting, or killed: whoever asks waits for it.
    return undefined;
  }
}

/** Starts a TypeScript program with the Node that runs the test. */
export function start(program: string, args: readonly string[]): Running {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  let [out, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal, out, errors }));
  return { process: child, out: () => out, errors: () => errors, ended };
}

/** Runs a program to its end; fails the test where its exit code is not 0. */
export async function finish(program: string, args: readonly string[]): Promise<string> {
  const { code, out, errors } = await start(program, args).ended;
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${errors}`);
  return out;
}

/** Resolves when a program has said that it is up. */
export async function ready(running: Running): Promise<void> {
  await until("the program says that it is up", () => {
    if (running.process.exitCode !== null) throw new Error(`it ended: ${running.errors()}`);
    return running.out().includes('"event":"ready"') ? true : undefined;
  });
}

/**
 * The first answer that is not undefined. The bound is there for a broken program, so it is far above
 * what a slow machine needs.
 */
export async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  msMax = 60_000,
): Promise<T> {
  const end = performance.now() + msMax;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`not within ${msMax / 1000} s: ${what}`);
    await sleep(25);
  }
}

export function kill(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone by itself in between.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** A number in [0, 1) from a seed: mulberry32, enough to choose instants and victims. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Below the range that systems give to outgoing connections (32768 and up on Linux). */
const [firstPort, lastPort] = [12_000, 30_000];
const portsOfSite = 24;

/** First of as many free ports in a row as a site takes. */
export async function freePortBase(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const base = firstPort + Math.floor(Math.random() * (lastPort - firstPort - portsOfSite));
    const all = Array.from({ length: portsOfSite }, (_, i) => base + i);
    const free = await Promise.all(all.map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no ${portsOfSite} free ports in a row between ${firstPort} and ${lastPort}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    // Taken: the next range may be free.
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It ended while we were looking.
    return "";
  }
}
