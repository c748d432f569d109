import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Board } from "./board.ts";

/** What is used of the unit's `/status`. */
export type Seen = {
  readonly meters: readonly {
    readonly readings: number;
    readonly error?: string;
    readonly serial?: string;
  }[];
  readonly journal: {
    readonly meters: readonly { readonly taken: number; readonly committed: number }[];
  };
  readonly link?: { readonly lastReceiptAt?: number };
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

const everyMs = 2_000;

/** Looks at a board from outside: at the unit's page, and at what the console says. */
export class Watch {
  readonly #board: Board;
  readonly #pagePort: number;
  /** Until when all of it has to be over. */
  readonly #endMs: number;

  constructor(board: Board, { pagePort, endMs }: { pagePort: number; endMs: number }) {
    this.#board = board;
    this.#pagePort = pagePort;
    this.#endMs = endMs;
  }

  /** What the unit shows now; undefined where it does not answer. */
  async seen(): Promise<Seen | undefined> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#pagePort}/status`, {
        signal: AbortSignal.timeout(20_000),
      });
      return answer.ok ? ((await answer.json()) as Seen) : undefined;
    } catch {
      // Not yet, or not any more: who waits asks again.
      return undefined;
    }
  }

  /** Waits until the unit shows it. */
  async until(what: string, holds: (seen: Seen) => boolean = () => true): Promise<Seen> {
    for (;;) {
      const seen = await this.seen();
      if (seen !== undefined && holds(seen)) return seen;
      await this.#pause(what);
    }
  }

  /** Waits until the console has said it since the last start. */
  async untilSaid(what: string, pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#board.said);
      if (match !== null) return match[0];
      await this.#pause(what);
    }
  }

  async #pause(what: string): Promise<void> {
    const tail = () => this.#board.said.slice(-2500);
    assert.ok(!this.#board.hasEnded, `the machine ended before ${what}:\n${tail()}`);
    assert.ok(Date.now() < this.#endMs, `time is over before ${what}:\n${tail()}`);
    await setTimeout(everyMs);
  }
}
