import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";

/** One thing that a work needs before it begins. */
export type Need = {
  readonly name: string;
  /** Undefined when it is there; else what to do about it. */
  readonly missing: string | undefined;
};

/** Where Debian puts programs that an ordinary user's PATH may not name. */
const besides = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Where a program is; undefined where it is not. */
export function programPath(name: string, path = process.env.PATH ?? ""): string | undefined {
  const folders = [...path.split(delimiter), ...besides];
  return folders.map((folder) => join(folder, name)).find((file) => allows(file, constants.X_OK));
}

/** A program, which comes with a Debian package. */
export function needProgram(name: string, debianPackage: string): Need {
  const found = programPath(name) !== undefined;
  return { name, missing: found ? undefined : `sudo apt-get install ${debianPackage}` };
}

/** Room and the right to write in a folder that may not be there yet. */
export function needFolder(folder: string, megabytes: number): Need {
  const place = standing(resolve(folder));
  const name = `${megabytes} MB in ${folder}`;
  if (!allows(place, constants.W_OK)) {
    return { name, missing: `${place} cannot be written; name another with --out` };
  }
  const { bavail, bsize } = statfsSync(place);
  const free = Math.floor((bavail * bsize) / 1e6);
  if (free >= megabytes) return { name, missing: undefined };
  return { name, missing: `${free} MB are free; make room, or name another folder with --out` };
}

/** One line for each; what is missing says what to do. */
export function needsText(needs: readonly Need[]): string {
  return needs
    .map(({ name, missing }) =>
      missing === undefined ? `  ok       ${name}` : `  MISSING  ${name}: ${missing}`,
    )
    .join("\n");
}

const standing = (path: string): string => (existsSync(path) ? path : standing(dirname(path)));

function allows(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    // Not there, and not for us, are one answer here.
    return false;
  }
}
