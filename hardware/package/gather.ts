import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type Entry, file } from "./tree.ts";

/** The files and links below a folder that `keep` wants, by their path in it. */
export function gather(folder: string, keep: (path: string) => boolean): [string, Entry][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((found) => {
    const full = join(found.parentPath, found.name);
    const path = full.slice(folder.length + 1);
    if (found.isSymbolicLink() && keep(path)) {
      return [[path, { kind: "link", target: readlinkSync(full) }] as [string, Entry]];
    }
    if (!found.isFile() || !keep(path)) return [];
    const executable = (lstatSync(full).mode & 0o100) !== 0;
    return [[path, file(readFileSync(full), { executable })] as [string, Entry]];
  });
}
