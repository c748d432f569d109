import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Failure } from "@busbar/protocol";
import type { KnownDisk } from "./disks.ts";
import type { Target } from "./write.ts";

/**
 * A disk. While it is open nobody can mount it; what is mounted cannot be opened (O_EXCL, open(2)). With its
 * last closing Linux forgets what it kept of it in memory, so that what is read then comes from the medium.
 * Throws: `Failure` `flash.disk`.
 */
export const diskTarget = ({ path, number }: KnownDisk): Target =>
  targetOf(async () => {
    let file: FileHandle;
    try {
      file = await open(path, constants.O_RDWR | constants.O_EXCL);
    } catch (cause) {
      const { code = "" } = cause as NodeJS.ErrnoException;
      const message = `${path}: ${openFaults[code] ?? (cause as Error).message}`;
      throw new Failure("flash.disk", message, { retry: "never", cause });
    }
    const info = await file.stat();
    if (info.isBlockDevice() && numberOf(info.rdev) === number) return file;
    await file.close();
    const message = `${path} is another disk by now; look at busbar-edge flash --list again`;
    throw new Failure("flash.disk", message, { retry: "never" });
  });

const openFaults: Readonly<Record<string, string>> = {
  EBUSY: "is in use; unmount it, and see that it is the right one",
  EACCES: "this user may not write to it; run the command with sudo",
  EPERM: "this user may not write to it; run the command with sudo",
  ENOENT: "is not there any more; was it pulled out?",
  ENOMEDIUM: "has no card in it",
  EROFS: "is write-protected; look at the card's slider",
};

/** "8:16" of what stat says. Source: glibc, gnu_dev_major. */
export function numberOf(rdev: number): string {
  const dev = BigInt(rdev);
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** A file that is not there yet. Throws: `Failure` `flash.file`. */
export function fileTarget(path: string): Target {
  let made = false;
  return targetOf(async () => {
    const { O_RDWR, O_CREAT, O_EXCL } = constants;
    try {
      const file = await open(path, made ? O_RDWR : O_RDWR | O_CREAT | O_EXCL, 0o600);
      made = true;
      return file;
    } catch (cause) {
      const { code, message: said } = cause as NodeJS.ErrnoException;
      const why = code === "EEXIST" ? "is there already; name a file that is not" : said;
      throw new Failure("flash.file", `${path}: ${why}`, { retry: "never", cause });
    }
  });
}

function targetOf(opened: () => Promise<FileHandle>): Target {
  let file: FileHandle | undefined;
  const at = (): FileHandle => {
    if (file === undefined) throw new TypeError("the target is closed");
    return file;
  };
  return {
    async open() {
      file = await opened();
    },
    async close() {
      const closing = file;
      file = undefined;
      await closing?.close();
    },
    async write(bytes, place) {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await at().write(bytes, done, bytes.length - done, place + done);
        done += bytesWritten;
      }
    },
    async read(place, length) {
      const { buffer, bytesRead } = await at().read(Buffer.alloc(length), 0, length, place);
      return buffer.subarray(0, bytesRead);
    },
    async sync() {
      await at().sync();
    },
  };
}
