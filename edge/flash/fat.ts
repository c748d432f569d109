import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Failure } from "@busbar/protocol";

/** Says at once when what `putFiles` needs is not there. Throws: `Failure` `flash.tool`. */
export function needMtools(): void {
  if (mtools("mcopy", ["-V"]).error === undefined) return;
  const message =
    "mcopy is missing, which writes into the card's first partition: sudo apt install mtools";
  throw new Failure("flash.tool", message, { retry: "never" });
}

/**
 * Puts files into a folder of a FAT partition, nothing mounted, and reads them back. @param files by their
 * paths in it @param at where the partition begins, in bytes
 * Throws: `Failure` `flash.site-files`.
 */
export function putFiles(
  files: ReadonlyMap<string, string>,
  { disk, at, folder }: { readonly disk: string; readonly at: number; readonly folder: string },
): void {
  const aside = mkdtempSync(join(tmpdir(), "busbar-flash-"));
  const there = ["-i", `${disk}@@${at}`];
  const run = (name: string, args: readonly string[]) => {
    const { status, error, stderr } = mtools(name, [...there, ...args]);
    if (status === 0) return;
    throw failed(`${name}: ${error?.message ?? stderr.trim()}`);
  };
  try {
    const folders = [...new Set([".", ...[...files.keys()].map(dirname)])];
    for (const name of folders) {
      const path = name === "." ? folder : `${folder}/${name}`;
      // One that is there already stays (-D s).
      if (mtools("mdir", [...there, "-b", `::${path}`]).status !== 0)
        run("mmd", ["-D", "s", `::${path}`]);
    }
    for (const [name, text] of files) {
      const path = join(aside, "in", name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      run("mcopy", ["-o", path, `::${folder}/${name}`]);
    }
    for (const [name, text] of files) {
      const back = join(aside, "back");
      run("mcopy", ["-n", `::${folder}/${name}`, back]);
      if (readFileSync(back, "utf8") !== text) throw failed(`${name}: what is read back differs`);
      rmSync(back);
    }
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

function mtools(name: string, args: readonly string[]) {
  const env = { ...process.env, LC_ALL: "C", MTOOLS_SKIP_CHECK: "1" };
  return spawnSync(name, args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

const failed = (why: string): Failure => {
  const message = `the site's files cannot be put onto the card (${why}). The card is not complete and starts nothing: flash it again`;
  return new Failure("flash.site-files", message, { retry: "never" });
};
