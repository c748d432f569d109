import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { Failure } from "@busbar/protocol";
import { Backoff } from "../backoff.ts";
import type { Timers } from "../timers.ts";
import {
  type Edge,
  EdgeReader,
  type GpioLine,
  type GpiomonGeneration,
  gpiomonArguments,
  gpiomonGeneration,
  gpioName,
} from "./gpiomon-lines.ts";

const run = promisify(execFile);

/** gpiomon fails at once where the line cannot be had; what lives so long has it. */
const settleMs = 1000;
/** What ran so long starts anew without waiting. */
const soundMs = 10_000;
const restartMs = { minMs: 200, maxMs: 10_000 };
const stopMs = 2000;
const probeMs = 5000;

type Gpiomon = ChildProcessByStdio<null, Readable, Readable>;
type Tool = { readonly generation: GpiomonGeneration; readonly command: readonly string[] };

/**
 * Listens to a GPIO line through libgpiod's gpiomon, and starts it anew whenever it ends. Edges between
 * its end and its new start are lost.
 */
export class GpioMonitor {
  readonly #line: GpioLine;
  readonly #program: string;
  readonly #timers: Timers;
  readonly #onEdge: (edge: Edge) => void;
  readonly #onStart: () => void;
  readonly #backoff: Backoff;
  #child: Gpiomon | undefined;
  #tool: Tool | undefined;
  #cancel: (() => void) | undefined;
  #failure: Failure | undefined;
  #running = false;
  #stopped = false;
  #waiters = new Set<() => void>();
  #counters = { starts: 0, malformedLines: 0 };

  constructor(options: {
    readonly line: GpioLine;
    /** gpiomon, by name or path. */
    readonly program: string;
    readonly timers: Timers;
    /** 0 ≤ x < 1. */
    readonly random: () => number;
    readonly onEdge: (edge: Edge) => void;
    /** Called before the first edge of each new gpiomon. */
    readonly onStart: () => void;
  }) {
    this.#line = options.line;
    this.#program = options.program;
    this.#timers = options.timers;
    this.#onEdge = options.onEdge;
    this.#onStart = options.onStart;
    this.#backoff = new Backoff({ ...restartMs, random: options.random });
  }

  /** How often gpiomon was started, and lines of it that told no edge. */
  get counters(): { readonly starts: number; readonly malformedLines: number } {
    return this.#counters;
  }

  start(): void {
    void this.#start();
  }

  /**
   * Resolves when the line is listened to, which the present or the next start decides.
   * Throws: `Failure` `meter.gpio-lost`, `meter.gpio-tool`.
   */
  async running(waitMs: number): Promise<void> {
    if (this.#running) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        this.#waiters.delete(done);
        resolve();
      };
      const cancel = this.#timers.after(waitMs, done);
      this.#waiters.add(done);
    });
    if (!this.#running) throw this.#failure ?? this.#lost("it does not start");
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#running = false;
    this.#cancel?.();
    this.#wake();
    const child = this.#child;
    if (child === undefined) return;
    // Closed, not only ended: nobody is told of an edge after this.
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    child.kill("SIGTERM");
    const cancel = this.#timers.after(stopMs, () => child.kill("SIGKILL"));
    await ended;
    cancel();
  }

  async #start(): Promise<void> {
    try {
      this.#tool ??= await findTool(this.#program);
      if (!this.#stopped) this.#spawn(this.#tool);
    } catch (error) {
      this.#fail(error instanceof Failure ? error : this.#lost(String(error)));
      this.#startLater();
    }
  }

  #spawn({ generation, command }: Tool): void {
    const [program = "", ...before] = command;
    const args = [...before, ...gpiomonArguments(generation, this.#line)];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    const startedMs = this.#timers.now();
    this.#child = child;
    this.#counters = { ...this.#counters, starts: this.#counters.starts + 1 };
    this.#onStart();
    let complaint = "";
    child.stderr.on("data", (bytes: Buffer) => {
      complaint = (complaint + bytes.toString()).slice(-500);
    });
    const reader = new EdgeReader(generation, this.#line.offset);
    child.stdout.on("data", (bytes: Buffer) => {
      const { edges, malformed } = reader.push(bytes.toString("latin1"));
      this.#take(edges, malformed);
    });
    const settled = this.#timers.after(settleMs, () => this.#settle());
    const end = (why: string) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      settled();
      if (this.#timers.now() - startedMs >= soundMs) this.#backoff.reset();
      this.#fail(this.#lost(complaint.trim() || why));
      this.#startLater();
    };
    child.on("error", (error) => end(error.message));
    // Closed, not only ended: the last lines are taken before a new process begins.
    child.on("close", (code, signal) => end(`it ended with ${signal ?? `exit code ${code}`}`));
  }

  #take(edges: readonly Edge[], malformed: number): void {
    const { malformedLines } = this.#counters;
    this.#counters = { ...this.#counters, malformedLines: malformedLines + malformed };
    for (const edge of edges) {
      this.#settle();
      this.#onEdge(edge);
    }
  }

  #settle(): void {
    if (this.#child === undefined || this.#stopped) return;
    this.#running = true;
    this.#failure = undefined;
    this.#wake();
  }

  #fail(failure: Failure): void {
    this.#running = false;
    this.#failure = failure;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  #startLater(): void {
    if (this.#stopped) return;
    this.#cancel = this.#timers.after(this.#backoff.next(), () => this.start());
  }

  #lost(why: string): Failure {
    const message = `${gpioName(this.#line)} is not listened to: ${why}; check the chip's name with gpiodetect, that no other program holds the line (gpioinfo), and that this user is in the group gpio`;
    return new Failure("meter.gpio-lost", message, { retry: "later" });
  }
}

/**
 * Which gpiomon there is, and how it is called so that it dies with this process: one that outlived it
 * would hold the line until the next edge, and that edge would be lost.
 */
async function findTool(program: string): Promise<Tool> {
  let said: string;
  try {
    said = (await run(program, ["--version"], { timeout: probeMs })).stdout;
  } catch (cause) {
    const message = `${program} cannot be run; install libgpiod's tools (apt-get install gpiod)`;
    throw new Failure("meter.gpio-tool", message, { retry: "later", cause });
  }
  const generation = gpiomonGeneration(said);
  if (generation === undefined) {
    const message = `${program} says it is "${said.split("\n")[0]}"; known are versions 1 and 2 of libgpiod's tools`;
    throw new Failure("meter.gpio-tool", message, { retry: "never" });
  }
  const bound = ["setpriv", "--pdeathsig", "KILL"];
  const [binder = "", ...options] = bound;
  const binds = await run(binder, [...options, "true"], { timeout: probeMs }).then(
    () => true,
    () => false,
  );
  return { generation, command: binds ? [...bound, program] : [program] };
}
