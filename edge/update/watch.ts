import type { Logger } from "pino";
import type { Disk } from "./disk.ts";
import { judge, type Seen } from "./judge.ts";
import { commit, rollBack, type Slot, type UpdateStatus } from "./state.ts";
import { stateOrFault, writeState } from "./store.ts";

const everyMs = 5_000;

/**
 * Looks after updates while a unit runs: judges a bundle on trial, and says when another program than this
 * one is to run. The state on the disk is what counts; the command line writes it too.
 */
export class UpdateWatch {
  readonly #options: WatchOptions;
  readonly #timer: NodeJS.Timeout;
  #waitsFor: readonly string[] = [];

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.look(), options.everyMs ?? everyMs);
  }

  /** What a look finds is done at once. */
  look(): void {
    const { disk, folder, installation, slot, log, seen, ranMs, startOver } = this.#options;
    const { state } = stateOrFault(disk, folder, installation);
    const { trial } = state;
    if ((trial?.slot ?? state.active) !== slot) {
      log.info(
        { slot: trial?.slot ?? state.active ?? "installation" },
        "another program is to run",
      );
      return startOver();
    }
    this.#waitsFor = [];
    if (trial === undefined) return;
    const verdict = judge(trial.expected, seen(), {
      ranMs: ranMs(),
      limitMs: trial.minutes * 60_000,
    });
    switch (verdict.kind) {
      case "wait":
        this.#waitsFor = verdict.for;
        return;
      case "commit":
        writeState(disk, folder, commit(state));
        log.info({ version: trial.version }, "the bundle proved itself and is kept");
        return;
      case "roll-back":
        writeState(disk, folder, rollBack(state, verdict.reason));
        log.error({ version: trial.version, reason: verdict.reason }, "the bundle is rolled back");
        return startOver();
      default:
        verdict satisfies never;
    }
  }

  status(): UpdateStatus {
    const { disk, folder, installation, slot } = this.#options;
    const { state } = stateOrFault(disk, folder, installation);
    const { trial, last } = state;
    return {
      slot,
      ...(trial === undefined
        ? {}
        : trial.slot === slot
          ? { trial: { version: trial.version, waitsFor: this.#waitsFor } }
          : { pending: trial.version }),
      ...(last === undefined ? {} : { last }),
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

export type WatchOptions = {
  readonly disk: Disk;
  readonly folder: string;
  /** The version of the installation, beside whose program the slots are. */
  readonly installation: string;
  /** The one that runs; undefined: the installation itself. */
  readonly slot: Slot | undefined;
  readonly log: Logger;
  readonly seen: () => Seen;
  /** How long this program has run, by a clock that nobody sets. */
  readonly ranMs: () => number;
  /** Ends the unit and starts the program that is to run. */
  readonly startOver: () => void;
  readonly everyMs?: number;
};
