import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { baseName, controlText, cpuOf, type Release } from "./control.ts";
import { debOf, gzip, md5sums } from "./deb.ts";
import { layoutOf, maintainerScripts } from "./layout.ts";
import { modulesOf } from "./modules.ts";
import { type Need, needFolder, needProgram, programPath } from "./needs.ts";
import type { Options } from "./options.ts";
import { tarOf } from "./tar.ts";
import { file } from "./tree.ts";

/** A file that was made. */
export type Made = { readonly path: string; readonly bytes: number; readonly sha256: string };

/** The modules for one processor, the archive and both files, with room to spare. */
const megabytes = 800;

/** What has to be there before anything is begun. */
export function needsOfPackage(out: string): readonly Need[] {
  const major = Number(process.versions.node.split(".")[0]);
  return [
    {
      name: "Node 24",
      missing: major >= 24 ? undefined : "npm ci brings it; npm run package then uses it",
    },
    needProgram("npm", "npm"),
    {
      name: "a time for the files",
      missing:
        process.env.SOURCE_DATE_EPOCH !== undefined || programPath("git") !== undefined
          ? undefined
          : "sudo apt-get install git, or set SOURCE_DATE_EPOCH to seconds since 1970",
    },
    needFolder(out, megabytes),
  ];
}

/** Makes the package, the tarball and the list of their checksums; `say` hears of each step. */
export async function buildPackage(
  root: string,
  { arch, out, revision }: Options,
  say: (line: string) => void,
): Promise<readonly Made[]> {
  const release = releaseOf(root, { arch, revision });
  const mtime = timeOf(root);
  say(`1/4  modules for ${arch}`);
  const modules = await modulesOf(root, { arch, say: (line) => say(`     ${line}`) });
  say("2/4  layout and checksums");
  const data = layoutOf(root, release, modules);
  say(`3/4  ${data.size} files are pressed`);
  const pressed = gzip(tarOf(data, mtime));
  const control = new Map([
    ["control", file(controlText(release, data))],
    ["md5sums", file(md5sums(data))],
    ...maintainerScripts(),
  ]);
  say(`4/4  written to ${out}`);
  const base = baseName(release);
  const made = [
    write(join(out, `${base}.deb`), debOf(control, pressed, mtime)),
    write(join(out, `${base}.tar.gz`), pressed),
  ];
  const lines = made.map(({ path, sha256 }) => `${sha256}  ${path.slice(out.length + 1)}\n`);
  write(join(out, `${base}.sha256`), Buffer.from(lines.join("")));
  return made;
}

/** Names of what `buildPackage` would make. */
export function plannedFiles(root: string, { arch, out, revision }: Options): string[] {
  const base = baseName(releaseOf(root, { arch, revision }));
  return [".deb", ".tar.gz", ".sha256"].map((ending) => join(out, base + ending));
}

/** What is made of these sources. */
export function releaseOf(
  root: string,
  { arch, revision }: Pick<Release, "arch" | "revision">,
): Release {
  const read = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"));
  const { version, config } = read("edge/package.json") as {
    version: string;
    config: { journal: number };
  };
  const { optionalDependencies } = read("package.json") as {
    optionalDependencies: Record<string, string>;
  };
  const node = optionalDependencies[`node-linux-${cpuOf[arch]}`];
  if (node === undefined) {
    const message = `package.json: expected node-linux-${cpuOf[arch]} among optionalDependencies`;
    throw new Failure("package.lock", message, { retry: "never" });
  }
  const { journal } = config;
  return { version, revision, arch, node, journal, commit: git(root, ["rev-parse", "HEAD"]) };
}

/** When the sources are from, in seconds since 1970: of SOURCE_DATE_EPOCH, or the last commit. */
export function timeOf(root: string): number {
  const text = process.env.SOURCE_DATE_EPOCH ?? git(root, ["log", "-1", "--format=%ct"]);
  if (text !== undefined && /^\d{1,10}$/.test(text)) return Number(text);
  const message = `expected SOURCE_DATE_EPOCH with seconds since 1970, or a git repository; got ${text ?? "neither"}`;
  throw new Failure("package.time", message, { retry: "never" });
}

function git(root: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync("git", ["-C", root, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    // A copy without its history, or no git: what needs it says so.
    return undefined;
  }
}

/** As a whole or not at all. */
function write(path: string, bytes: Uint8Array): Made {
  mkdirSync(join(path, ".."), { recursive: true });
  const aside = `${path}.${process.pid}.new`;
  writeFileSync(aside, bytes, { flush: true });
  renameSync(aside, path);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { path, bytes: bytes.length, sha256 };
}
