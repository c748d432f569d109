import { statfsSync } from "node:fs";
import type { Logger } from "pino";
import type { Counters } from "../status/counters.ts";
import { damageRemedy, isDamage, isDiskFault } from "./database.ts";
import { Reserve, reserveBytes } from "./reserve.ts";

/**
 * How the journal's disk is: `low`: optional registers are not recorded; `full`, `failed`: nothing
 * can be stored at the moment. `reason` says what the system said. `since` is wall ms.
 */
export type DiskStatus = {
  readonly state: "ok" | "low" | "full" | "failed";
  readonly since: number;
  readonly reason: string | undefined;
  /** Whether the file itself is damaged: no better disk mends it. */
  readonly damaged: boolean;
  /** Readings that could not be stored, since the unit started. */
  readonly lost: number;
};

/** What a disk is watched with. */
export type DiskOptions = {
  readonly folder: string;
  readonly counters: Counters;
  readonly log: Logger;
  /** Makes room inside the journal; how many readings went. */
  readonly makeRoom: () => number;
  /** Bytes that may be written to the folder's disk; of statfs unless a test says otherwise. */
  readonly freeBytes?: () => number;
};

/** With less free disk only billing registers are recorded. */
const freeBytesMin = 64 * 1024 * 1024;
/** SQLITE_FULL; a full disk may also be an I/O error with ENOSPC behind it, which SQLite hides. */
const sqliteFull = 13;

const remedies = {
  low: "the disk is nearly full: only billing registers are recorded; make room",
  full: "the disk is full: no reading can be stored; make room",
  failed: "the journal cannot be written: look at the disk, its cable and how it is mounted",
} as const;

/**
 * Watches the disk under the journal. Says a change once, keeps a reserve for the last, and counts
 * what was lost.
 */
export class Disk {
  readonly #options: DiskOptions;
  readonly #reserve: Reserve;
  #state: DiskStatus["state"] = "ok";
  #since = Date.now();
  #reason: string | undefined;
  #damaged = false;
  #lost = 0;
  #making = false;

  constructor(options: DiskOptions) {
    this.#options = options;
    this.#reserve = new Reserve(options.folder);
  }

  get status(): DiskStatus {
    const [state, since, reason, lost] = [this.#state, this.#since, this.#reason, this.#lost];
    return { state, since, reason, damaged: this.#damaged, lost };
  }

  /** Whether there is little room: optional registers are left out. Takes or keeps the reserve. */
  get isLow(): boolean {
    const free = this.#free();
    const low = free === undefined || free < freeBytesMin;
    if (low) this.#options.counters.count("disk.low");
    else if (!this.#reserve.held && free > freeBytesMin + 2 * reserveBytes) this.#hold();
    const writable = this.#state === "ok" || this.#state === "low";
    if (writable) this.#turn(low ? "low" : "ok", undefined);
    return low;
  }

  /**
   * Does what writes to the journal. Where there is no room for it, room is made, and it is done
   * again. Throws: what `work` throws.
   */
  write<T>(work: () => T): T {
    try {
      return this.#worked(work());
    } catch (error) {
      if (!isDiskFault(error)) throw error;
      if (!this.#makeRoom()) throw this.#failed(error);
    }
    try {
      return this.#worked(work());
    } catch (error) {
      throw isDiskFault(error) ? this.#failed(error) : error;
    }
  }

  /** So many readings were not stored. */
  lost(readings: number): void {
    this.#lost += readings;
    this.#options.counters.add("journal.reading-lost", readings);
  }

  #worked<T>(result: T): T {
    if (this.#state === "full" || this.#state === "failed") this.#turn("ok", undefined);
    return result;
  }

  #failed(error: unknown): unknown {
    const full = (error as { errcode?: number }).errcode === sqliteFull || this.#free() === 0;
    this.#damaged = isDamage(error);
    this.#turn(full ? "full" : "failed", error instanceof Error ? error.message : String(error));
    this.#options.counters.count("journal.write-failed");
    return error;
  }

  /** The reserve first, because pruning needs room itself; then the oldest that has a receipt. */
  #makeRoom(): boolean {
    if (this.#making) return false;
    this.#making = true;
    try {
      const released = this.#reserve.release();
      const readings = this.#options.makeRoom();
      if (released || readings > 0) {
        this.#options.log.warn({ released, readings }, "made room on a full disk");
      }
      return released || readings > 0;
    } catch (error) {
      // A disk that takes nothing at all, or may only be read.
      this.#options.log.debug({ err: error }, "no room could be made");
      return false;
    } finally {
      this.#making = false;
    }
  }

  #hold(): void {
    try {
      this.#reserve.hold();
    } catch (error) {
      this.#options.log.debug({ err: error }, "no reserve could be made");
    }
  }

  #turn(state: DiskStatus["state"], reason: string | undefined): void {
    if (state === this.#state) return;
    const seconds = Math.round((Date.now() - this.#since) / 1000);
    const about = { disk: state, freeBytes: this.#free(), reason };
    if (state === "ok") {
      const lost = this.#lost;
      this.#options.log.warn({ ...about, seconds, lost }, "the journal's disk is well again");
    } else {
      if (this.#damaged) this.#options.log.error(about, `the journal is damaged: ${damageRemedy}`);
      else this.#options.log[state === "low" ? "warn" : "error"](about, remedies[state]);
    }
    [this.#state, this.#since, this.#reason] = [state, Date.now(), reason];
  }

  #free(): number | undefined {
    const { folder, freeBytes } = this.#options;
    try {
      if (freeBytes !== undefined) return freeBytes();
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize;
    } catch (error) {
      this.#options.log.debug({ err: error }, "the disk's free space is not known");
      return undefined;
    }
  }
}
