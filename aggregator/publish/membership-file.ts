import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import type { CommittedBlock } from "../ledger/block.ts";
import { presentMembership } from "../ledger/present-membership.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { writeWhole } from "./whole-file.ts";

type Options = {
  readonly path: string;
  readonly state: StateReader;
  readonly log: Logger;
};

/** Keeps a `membership.json` as the ledger has it, for whoever is enrolled from now on. */
export class MembershipFile {
  readonly #options: Options;
  #written: string | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  start(): void {
    this.#write();
  }

  committed({ events }: Pick<CommittedBlock, "events">): void {
    // One that could not be written is tried again with each block.
    if (this.#written === undefined || events.some(({ type }) => type === "member-changed")) {
      this.#write();
    }
  }

  /** Whole or not at all, and only where it says something else than before. */
  #write(): void {
    const { path, state, log } = this.#options;
    const text = `${JSON.stringify(presentMembership(state), null, 2)}\n`;
    if (text === this.#written) return;
    try {
      if (read(path) !== text) writeWhole(path, text);
      this.#written = text;
    } catch (error) {
      // The ledger has all of it: a disk that takes no file stops nobody.
      this.#written = undefined;
      log.warn({ event: "membership-not-written", path, err: error });
    }
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
