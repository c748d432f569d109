import { createHash } from "node:crypto";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import type { Disk } from "./disk.ts";
import type { Manifest } from "./manifest.ts";

/** The signed manifest as the bundle brought it, beside its program. */
export const manifestName = "manifest.cose";
export const programName = "program";

/**
 * Whether a program is what was signed, to the last file and link, with nothing beside it. A worn card
 * spoils files; a file too many could stand in the way of one that is meant.
 * Throws: `Failure` `update.spoilt`.
 */
export function checkProgram(disk: Disk, program: string, manifest: Manifest): void {
  const list = readOf(disk, program, "SHA256SUMS");
  if (sha256([list]) !== manifest.sums) throw spoilt("SHA256SUMS is not the one that was signed");
  const sums = new Map(linesOf(list).map((line) => [line.slice(66), line.slice(0, 64)]));
  const links = new Map(
    linesOf(readOf(disk, program, "LINKS")).map((line) => line.split("\t", 2) as [string, string]),
  );
  let files = 0;
  for (const path of pathsIn(disk, program)) {
    if (path === "SHA256SUMS") continue;
    const full = join(program, path);
    if (disk.kind(full) === "link") {
      if (disk.target(full) !== links.get(path)) throw spoilt(`${path} leads elsewhere`);
      links.delete(path);
      continue;
    }
    if (sha256(disk.pieces(full)) !== sums.get(path))
      throw spoilt(`${path} is not as it was signed`);
    files += 1;
  }
  if (files !== sums.size) throw spoilt(`${sums.size - files} files are missing`);
  if (links.size > 0) throw spoilt(`the link ${[...links.keys()][0]} is missing`);
}

/** Files and links below a folder. */
function* pathsIn(disk: Disk, folder: string, below = ""): Generator<string> {
  for (const name of disk.list(join(folder, below))) {
    const path = below === "" ? name : `${below}/${name}`;
    if (disk.kind(join(folder, path)) === "folder") yield* pathsIn(disk, folder, path);
    else yield path;
  }
}

function readOf(disk: Disk, program: string, name: string): Uint8Array {
  const path = join(program, name);
  if (disk.kind(path) !== "file") throw spoilt(`${name} is missing`);
  return disk.read(path);
}

const linesOf = (bytes: Uint8Array): string[] =>
  new TextDecoder()
    .decode(bytes)
    .split("\n")
    .filter((line) => line !== "");

function sha256(pieces: Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}

const spoilt = (what: string): Failure =>
  new Failure("update.spoilt", `the bundle on the disk is spoilt: ${what}`, { retry: "never" });
