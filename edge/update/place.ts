import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { Failure } from "@busbar/protocol";
import { checkProgram, manifestName, programName } from "./check-slot.ts";
import type { Disk } from "./disk.ts";
import type { Manifest } from "./manifest.ts";
import type { Slot } from "./state.ts";
import { untar } from "./untar.ts";

/** Where the program of a slot is. */
export const programOf = (folder: string, slot: Slot): string => join(folder, slot, programName);
export const manifestOf = (folder: string, slot: Slot): string => join(folder, slot, manifestName);

/** The program in the package's archive; the rest of it belongs to the system and stays out. */
const inside = "opt/busbar/";

/**
 * Unpacks a bundle's program into a slot that nothing runs, checks each file against what was signed, and
 * gives it the slot's name once all of it is on the disk. A cut at any moment leaves a slot of the name
 * that is whole, or none.
 * Throws: `Failure` `update.archive`, `update.spoilt`, and what the disk throws.
 */
export async function placeProgram(
  disk: Disk,
  {
    folder,
    slot,
    manifest,
    signed,
    archive,
    digest,
  }: {
    readonly folder: string;
    readonly slot: Slot;
    readonly manifest: Manifest;
    /** The manifest as it was signed, for later starts. */
    readonly signed: Uint8Array;
    /** The archive, no longer pressed. */
    readonly archive: AsyncIterable<Uint8Array>;
    /** SHA-256 of the pressed archive, once all of it was read. */
    readonly digest: () => string;
  },
): Promise<void> {
  const aside = join(folder, `${slot}.new`);
  // Under another name first: a cut while files go one by one must not leave half of a slot.
  const old = join(folder, `${slot}.old`);
  if (disk.kind(join(folder, slot)) !== undefined) {
    disk.remove(old);
    disk.rename(join(folder, slot), old);
    disk.sync(folder);
  }
  disk.remove(old);
  disk.remove(aside);
  disk.makeFolder(aside);
  const program = join(aside, programName);
  disk.makeFolder(program);
  await unpack(disk, program, archive);
  if (digest() !== manifest.payload.sha256) {
    throw new Failure("update.spoilt", "the bundle is spoilt: fetch it again", { retry: "never" });
  }
  const signedAt = join(aside, manifestName);
  disk.create(signedAt, false);
  disk.append(signedAt, signed);
  disk.sync(signedAt);
  checkProgram(disk, program, manifest);
  syncFolders(disk, aside);
  disk.rename(aside, join(folder, slot));
  disk.sync(folder);
}

async function unpack(disk: Disk, program: string, archive: AsyncIterable<Uint8Array>) {
  const made = new Set<string>();
  const folder = (path: string): void => {
    if (path === "." || made.has(path)) return;
    folder(dirname(path));
    disk.makeFolder(join(program, path));
    made.add(path);
  };
  let open: string | undefined;
  const close = () => {
    if (open !== undefined) disk.sync(open);
    open = undefined;
  };
  for await (const part of untar(archive)) {
    if (part.kind === "chunk") {
      if (open !== undefined) disk.append(open, part.bytes);
      continue;
    }
    close();
    if (!part.path.startsWith(inside)) continue;
    const path = part.path.slice(inside.length);
    if (part.kind === "folder") folder(path);
    else {
      folder(dirname(path));
      const at = join(program, path);
      if (disk.kind(at) !== undefined) {
        const message = `the bundle's archive is refused: ${path} stands twice`;
        throw new Failure("update.archive", message, { retry: "never" });
      }
      if (part.kind === "link") disk.link(at, part.target);
      else {
        disk.create(at, part.executable);
        open = at;
      }
    }
  }
  close();
}

/** Names of files are on the disk when the folders that hold them are. */
function syncFolders(disk: Disk, folder: string): void {
  for (const name of disk.list(folder)) {
    const path = join(folder, name);
    if (disk.kind(path) === "folder") syncFolders(disk, path);
  }
  disk.sync(folder);
}

/** Passes bytes on and reckons their SHA-256. */
export function hashing(chunks: AsyncIterable<Uint8Array>) {
  const hash = createHash("sha256");
  async function* passed() {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  }
  return { chunks: passed(), digest: () => hash.copy().digest("hex") };
}
