import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Verify } from "@busbar/protocol";
import type { Signed } from "../ledger/opened-frame.ts";
import { packSigned } from "./signed.ts";

/** Fewer than so many are checked in this thread while no other has work: the way there and back
 * would take longer. */
const worthwhile = 4;

/** Signatures handed to a thread at once: some 20 ms of its work. */
const together = 128;

/** Bunches under way in each thread: it works on one while the answer to the last is on its way. */
const aheadMax = 2;

/** One beside the thread that runs the ledger, where there is a core for it. */
export function usualThreads(): number {
  return Math.min(1, availableParallelism() - 1);
}

type Check = {
  readonly signed: Signed;
  readonly answer: (good: boolean) => void;
  good: boolean | undefined;
};

type Thread = { readonly worker: Worker; readonly bunches: Check[][] };

/**
 * Checks signatures beside the thread that runs the ledger. Whether one is good depends on its bytes
 * alone, so nothing depends on how many threads there are; answers come in the order of the questions.
 * Who asks bounds what waits here, by `waiting`: ingest refuses beyond a limit, and each connection of the
 * broker waits for its message's answer besides.
 */
export class SignatureThreads {
  readonly #count: number;
  readonly #verify: Verify;
  readonly #failed: (error: Error) => void;
  readonly #script: URL;
  /** Begun with the first work that is worth it: a small site never has any. */
  #threads: Thread[] | undefined;
  /** All that is not answered, in order of arrival. */
  #waiting: Check[] = [];
  /** Those that no thread has yet. */
  #fresh: Check[] = [];
  #isArmed = false;

  /** `failed` hears of a thread that ended by itself; its work is done in this one. */
  constructor(options: {
    readonly count: number;
    readonly verify: Verify;
    readonly failed: (error: Error) => void;
    /** What a thread runs; tests give it worse. */
    readonly script?: URL;
  }) {
    this.#count = options.count;
    this.#verify = options.verify;
    this.#failed = options.failed;
    this.#script = options.script ?? new URL("./signature-worker.ts", import.meta.url);
  }

  /** How many have no answer yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether the signature is good. */
  check(signed: Signed): Promise<boolean> {
    return new Promise((answer) => {
      const check = { signed, answer, good: undefined };
      this.#waiting.push(check);
      this.#fresh.push(check);
      if (this.#isArmed) return;
      this.#isArmed = true;
      // What arrives in one turn of the event loop is handed over together.
      setImmediate(() => {
        this.#isArmed = false;
        this.#handOver();
      });
    });
  }

  /** Ends the threads; what waits is checked in this one. */
  async stop(): Promise<void> {
    const threads = this.#threads ?? [];
    this.#threads = [];
    for (const check of this.#waiting) this.#checkHere(check);
    this.#release();
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }

  #handOver(): void {
    const isIdle = this.#fresh.length === this.#waiting.length;
    if (this.#fresh.length < worthwhile && isIdle) return this.#doHere();
    this.#threads ??= Array.from({ length: this.#count }, () => this.#begin());
    if (this.#threads.length === 0) return this.#doHere();
    while (this.#fresh.length > 0) {
      const [thread] = this.#threads.toSorted((a, b) => a.bunches.length - b.bunches.length);
      if (thread === undefined || thread.bunches.length >= aheadMax) return;
      const share = Math.ceil(this.#fresh.length / this.#threads.length);
      const bunch = this.#fresh.splice(0, Math.min(share, together));
      const packed = packSigned(bunch.map(({ signed }) => signed));
      thread.bunches.push(bunch);
      // A program that only waits for the answer does not end before it.
      thread.worker.ref();
      thread.worker.postMessage(packed, [packed.buffer]);
    }
  }

  #begin(): Thread {
    const worker = new Worker(this.#script);
    const thread: Thread = { worker, bunches: [] };
    worker.unref();
    worker.on("message", (good: Uint8Array) => {
      for (const [i, check] of (thread.bunches.shift() ?? []).entries()) check.good = good[i] === 1;
      if (thread.bunches.length === 0) worker.unref();
      this.#release();
      this.#handOver();
    });
    worker.on("error", (error) => this.#lose(thread, error));
    worker.on("exit", () => this.#lose(thread, new Error("a thread for signatures ended")));
    return thread;
  }

  #lose(thread: Thread, error: Error): void {
    if (this.#threads?.includes(thread) !== true) return;
    this.#threads = this.#threads.filter((other) => other !== thread);
    for (const check of thread.bunches.flat()) this.#checkHere(check);
    this.#release();
    this.#failed(error);
    this.#handOver();
  }

  #doHere(): void {
    for (const check of this.#fresh) this.#checkHere(check);
    this.#fresh = [];
    this.#release();
  }

  #checkHere(check: Check): void {
    const { signature, message, publicKey } = check.signed;
    check.good ??= this.#verify(signature, message, publicKey);
  }

  /** Answers from the front, as far as all is known. */
  #release(): void {
    const end = this.#waiting.findIndex(({ good }) => good === undefined);
    for (const { answer, good } of this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)) {
      answer(good === true);
    }
  }
}
