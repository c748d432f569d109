import { randomFillSync } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Room for the write-ahead log (4 MB before it is checkpointed) and for what its checkpoint adds. */
export const reserveBytes = 8 * 1024 * 1024;
const pieceBytes = 256 * 1024;

/**
 * A file that only takes up room. Where the disk is full it is removed: deleting rows needs room too,
 * and so do receipts.
 */
export class Reserve {
  readonly #path: string;

  constructor(folder: string) {
    this.#path = join(folder, "journal.reserve");
  }

  get held(): boolean {
    return existsSync(this.#path);
  }

  /** Takes the room. Throws: what the disk says; nothing is left of the file then. */
  hold(): void {
    if (this.held) return;
    try {
      const file = openSync(this.#path, "wx", 0o600);
      try {
        // The same piece again: pieces of their own lay in memory, all 8 MB, until they were collected.
        const piece = new Uint8Array(pieceBytes);
        for (let at = 0; at < reserveBytes; at += pieceBytes) {
          // Noise, because some file systems keep zeros without taking room for them.
          writeSync(file, randomFillSync(piece));
        }
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Gives the room back; true when there was some. */
  release(): boolean {
    if (!this.held) return false;
    rmSync(this.#path);
    return true;
  }
}
