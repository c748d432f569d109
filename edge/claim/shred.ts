import { closeSync, existsSync, fstatSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";

/**
 * Overwrites a file once, brings that to the disk, and removes it; one that is not there is no fault.
 *
 * What it does: nobody finds the content through the file system any more, nor by reading the partition, as
 * long as the file system writes in place (FAT, and ext4 with its data outside of the journal). What it cannot
 * do: a card's own electronics write each block somewhere else and keep the old one for a while, which whoever
 * opens the card may still read. So what counts is sealed, and worth nothing once the label was used.
 */
export function shred(path: string): void {
  if (!existsSync(path)) return;
  const file = openSync(path, "r+");
  try {
    const { size } = fstatSync(file);
    writeSync(file, new Uint8Array(size), 0, size, 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  rmSync(path, { force: true });
}
