import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { PortalStatus } from "../../aggregator/portal/api.ts";
import { programs, until } from "../support/virtual-site.ts";
import { idOf, type Place } from "./layout.ts";

/** Far above what a machine needs on which others work, too. */
const startMsMax = 300_000;

/** The aggregator with a machine that can begin to compute otherwise. */
const oddProgram = join(import.meta.dirname, "odd-member.ts");

/** One member: its folder, and the process that runs in it or does not. */
export class MemberProcess {
  readonly index: number;
  readonly id: string;
  readonly place: Place;
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #isUnder = false;

  constructor(home: string, index: number, place: Place) {
    this.index = index;
    this.id = idOf(index);
    this.place = place;
    this.#folder = join(home, this.id);
  }

  get config(): string {
    return join(this.#folder, "aggregator.yaml");
  }

  get key(): string {
    return join(this.#folder, "member.key");
  }

  /** Of CometBFT, where it orders. */
  get rpc(): string {
    return `http://127.0.0.1:${this.place.rpc}`;
  }

  get ledger(): string {
    return join(this.#folder, "ledger.sqlite");
  }

  /** Resolves when it says that it is up. `under`: a program that runs it, and its options. */
  start(under: readonly string[] = []): Promise<void> {
    return this.#start(programs.aggregator, under);
  }

  /** The same on a machine that computes as the others do until `computeOtherwise`. */
  startOdd(): Promise<void> {
    return this.#start(oddProgram, []);
  }

  /** From now on it comes to other results. Resolves with what it said when it has ended by itself. */
  async computeOtherwise(): Promise<string> {
    const child = this.#process;
    assert.ok(child !== undefined && child.exitCode === null, `${this.id} runs`);
    const gone = once(child, "exit");
    const before = readFileSync(this.#log, "utf8").length;
    this.#signal("SIGUSR2");
    await gone;
    return readFileSync(this.#log, "utf8").slice(before);
  }

  async #start(entry: string, under: readonly string[]): Promise<void> {
    const [program = process.execPath, ...options] = [...under, process.execPath];
    const args = [...options, entry, "run", "--config", this.config];
    // What one has compiled starts the next one sooner.
    const env = { NODE_COMPILE_CACHE: join(dirname(this.#folder), "compiled"), ...process.env };
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env });
    this.#process = child;
    this.#isUnder = under.length > 0;
    child.stderr.pipe(createWriteStream(this.#log, { flags: "a" }));
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    const isUp = () => {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`${this.id} ended: ${readFileSync(this.#log, "utf8").slice(-2_000)}`);
      }
      return out.includes('"event":"ready"') || undefined;
    };
    await until(`${this.id} is up`, isUp, startMsMax);
  }

  /** Ends the process and waits until it is gone. */
  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    this.#signal(signal);
    await gone;
  }

  /** Resolves when the process that was started last is gone, whoever ended it. */
  async ended(): Promise<void> {
    const child = this.#process;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    await once(child, "exit");
  }

  pause(): void {
    this.#signal("SIGSTOP");
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  /** The process number of the program that it runs beside itself; undefined while there is none. */
  childPid(): number | undefined {
    const pid = this.#process?.pid;
    if (pid === undefined) return undefined;
    const below = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return below === "" ? undefined : Number(below.split(" ")[0]);
  }

  /** Takes its ledger away, as a disk that was replaced. */
  wipe(): void {
    const files = readdirSync(this.#folder).filter((name) => name.startsWith("ledger.sqlite"));
    assert.ok(files.length > 0, "there was a ledger");
    for (const name of files) rmSync(join(this.#folder, name));
  }

  /** What it says of itself; undefined while it does not answer. */
  async status(): Promise<PortalStatus | undefined> {
    try {
      const url = `http://127.0.0.1:${this.place.portal}/api/status`;
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      return response.ok ? ((await response.json()) as PortalStatus) : undefined;
    } catch {
      // Killed, paused or starting: whoever asks waits for it.
      return undefined;
    }
  }

  get #log(): string {
    return join(this.#folder, "member.log");
  }

  /** A program that runs under another one gets the signal itself, or it would outlive that one. */
  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process ?? {};
    assert.ok(pid !== undefined, `${this.id} was started`);
    process.kill((this.#isUnder ? this.childPid() : undefined) ?? pid, signal);
  }
}
