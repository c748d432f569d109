import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** What a name leads to. */
export type Kind = "file" | "folder" | "link";

/**
 * What an update does with a disk. Nothing is there after a power cut before `sync` of the file, and of
 * the folder that names it, came back.
 */
export type Disk = {
  kind(path: string): Kind | undefined;
  read(path: string): Uint8Array;
  /** A file's bytes piece by piece: a unit has less memory than its Node has bytes. Each piece holds until
   * the next one is asked for. */
  pieces(path: string): Iterable<Uint8Array>;
  /** Names in a folder, sorted. */
  list(folder: string): readonly string[];
  target(link: string): string;
  makeFolder(path: string): void;
  /** Makes a new, empty file. */
  create(path: string, executable: boolean): void;
  append(path: string, bytes: Uint8Array): void;
  link(path: string, target: string): void;
  sync(path: string): void;
  rename(from: string, to: string): void;
  /** A file, a link, or a folder with all in it; nothing where there is none. */
  remove(path: string): void;
};

const pieceBytes = 256 * 1024;

/** This machine's. Throws as Node's fs does. */
export const systemDisk: Disk = {
  kind(path) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (stat.isSymbolicLink()) return "link";
    return stat.isDirectory() ? "folder" : "file";
  },
  read: (path) => readFileSync(path),
  *pieces(path) {
    const file = openSync(path, "r");
    try {
      const piece = Buffer.allocUnsafe(pieceBytes);
      for (;;) {
        const count = readSync(file, piece);
        if (count === 0) return;
        yield piece.subarray(0, count);
      }
    } finally {
      closeSync(file);
    }
  },
  list: (folder) => (existsSync(folder) ? readdirSync(folder).sort() : []),
  target: (link) => readlinkSync(link),
  makeFolder: (path) => {
    mkdirSync(path, { mode: 0o700 });
  },
  create: (path, executable) =>
    writeFileSync(path, "", { flag: "wx", mode: executable ? 0o700 : 0o600 }),
  append: (path, bytes) => appendFileSync(path, bytes),
  link: (path, target) => symlinkSync(target, path),
  sync(path) {
    const descriptor = openSync(path, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  },
  rename: renameSync,
  remove: (path) => rmSync(path, { recursive: true, force: true }),
};

/** Puts a file in the place of another: after a power cut there is the one or the other, whole. */
export function replaceFile(
  disk: Disk,
  {
    folder,
    name,
    bytes,
  }: { readonly folder: string; readonly name: string; readonly bytes: Uint8Array },
): void {
  const aside = join(folder, `${name}.new`);
  disk.remove(aside);
  disk.create(aside, false);
  disk.append(aside, bytes);
  disk.sync(aside);
  disk.rename(aside, join(folder, name));
  disk.sync(folder);
}
