import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Board } from "./board.ts";
import type { Pace } from "./pace.ts";

/** What is used of the unit's `/status`. */
export type Seen = {
  readonly version: string;
  readonly meters: readonly {
    readonly readings: number;
    readonly error?: string;
    readonly serial?: string;
  }[];
  readonly journal: {
    readonly meters: readonly { readonly taken: number; readonly committed: number }[];
  };
  readonly link?: { readonly lastReceiptAt?: number };
  readonly note?: { readonly message: string };
  readonly claim?: { readonly state: string };
  readonly update?: {
    readonly slot?: string;
    readonly last?: { readonly version: string; readonly outcome: string; readonly reason: string };
  };
};

/** Readings that the journal has acknowledged, of all times. */
export const taken = ({ journal }: Seen): number =>
  journal.meters.reduce((sum, meter) => sum + meter.taken, 0);
export const committed = ({ journal }: Seen): number =>
  journal.meters.reduce((sum, meter) => sum + meter.committed, 0);
/** Readings since the unit's start, of a meter that answers now. */
export const readings = ({ meters: [meter] }: Seen): number =>
  meter === undefined || meter.error !== undefined ? 0 : meter.readings;
export const hasReceipt = ({ link }: Seen): boolean => link?.lastReceiptAt !== undefined;

const everyMs = 1_000;
/** Of the board's time: a start takes one and a half. */
const minutesMax = 20;

/** Looks at a board from outside: at the unit's page, and at what the console says. */
export class Watch {
  readonly #board: Board;
  readonly #pagePort: number;
  readonly #pace: Pace;
  readonly #endMs: number;
  readonly #progress: (text: string) => void;

  /** @param endMs of the board's time, when all of it has to be over */
  constructor(
    board: Board,
    {
      pagePort,
      pace,
      endMs,
      progress,
    }: {
      readonly pagePort: number;
      readonly pace: Pace;
      readonly endMs: number;
      readonly progress: (text: string) => void;
    },
  ) {
    this.#board = board;
    this.#pagePort = pagePort;
    this.#pace = pace;
    this.#endMs = endMs;
    this.#progress = progress;
  }

  /** ms of the board's time since the beginning. */
  passedMs(): number {
    return this.#pace.passedMs();
  }

  /** What the unit shows now; undefined where it does not answer. */
  async seen(patienceMs = 20_000): Promise<Seen | undefined> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#pagePort}/status`, {
        signal: AbortSignal.timeout(patienceMs),
      });
      return answer.ok ? ((await answer.json()) as Seen) : undefined;
    } catch {
      // Not yet, or not any more: who waits asks again.
      return undefined;
    }
  }

  /** Waits until the unit shows it. @param minutes of the board's time, for what takes its time on any board */
  async until(
    what: string,
    holds: (seen: Seen) => boolean = () => true,
    minutes = minutesMax,
  ): Promise<Seen> {
    const look = async () => {
      const seen = await this.seen();
      return seen !== undefined && holds(seen) ? seen : undefined;
    };
    return this.#until(what, look, minutes);
  }

  /** Waits until the console has said it since the last start. */
  async untilSaid(what: string, pattern: RegExp): Promise<string> {
    return this.#until(what, async () => pattern.exec(this.#board.said)?.[0]);
  }

  /** Lets some of the board's time go by, and gives what the unit showed last in it. */
  async pass(ms: number): Promise<Seen | undefined> {
    const end = this.passedMs() + ms;
    let last: Seen | undefined;
    for (;;) {
      const leftMs = end - this.passedMs();
      if (leftMs <= 0) return last;
      last = (await this.seen(Math.ceil(leftMs))) ?? last;
      await setTimeout(Math.min(500, leftMs));
    }
  }

  async #until<T>(
    what: string,
    look: () => Promise<T | undefined>,
    minutes = minutesMax,
  ): Promise<T> {
    const began = this.passedMs();
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      const waitedMs = this.passedMs() - began;
      const tail = () => this.#board.said.slice(-2500);
      assert.ok(!this.#board.hasEnded, `the machine ended before ${what}:\n${tail()}`);
      assert.ok(this.passedMs() < this.#endMs, `time is over before ${what}:\n${tail()}`);
      const isLate = waitedMs > minutes * 60_000;
      assert.ok(!isLate, `${minutes} min went by without ${what}:\n${tail()}`);
      this.#progress(`waits for ${what}, ${(waitedMs / 1000).toFixed(0)} s`);
      await setTimeout(everyMs);
    }
  }
}
