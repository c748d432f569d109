import {
  copyFileSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { releaseOf, timeOf } from "../package/build.ts";
import { debianVersion, type Release } from "../package/control.ts";
import { layoutOf } from "../package/layout.ts";
import { modulesOf } from "../package/modules.ts";
import { type Entry, file } from "../package/tree.ts";
import { unpack } from "../package/unpack.ts";
import { type MadeImage, writeImage } from "./assemble.ts";
import { kernelPackages, listName, systemPackages, unpackedArchive } from "./debian.ts";
import { manifestOf } from "./manifest.ts";
import { isUseful } from "./modules.ts";
import { bootPartition, dataPartition } from "./partitions.ts";
import { settle } from "./settle.ts";
import { sshFiles, sshPackages, sshUsers } from "./ssh.ts";
import { systemFiles } from "./system-files.ts";
import { tool } from "./tools.ts";

/** Where the image goes, where things are kept and made meanwhile, and who hears of each step. */
export type ImageOptions = {
  readonly out: string;
  readonly cache: string;
  readonly press: boolean;
  /** Public keys of those who get a remote shell; undefined: there is none. */
  readonly ssh: readonly string[] | undefined;
  readonly say: (line: string) => void;
};

/** What the image is called, without an ending. */
export const imageName = (root: string, hasSsh = false): string => {
  const release = releaseOf(root, { arch: "arm64", revision: 1 });
  return `busbar-${debianVersion(release)}-arm64${hasSsh ? "-ssh" : ""}`;
};

/**
 * Makes the image for cards of arm64 boards, raw and pressed, with the list of what is in it.
 * Throws: `Failure` `image.*`, `package.*`.
 */
export async function buildImage(
  root: string,
  { out, cache, press, ssh, say }: ImageOptions,
): Promise<MadeImage> {
  // Folders and files are made with the same rights whoever calls.
  process.umask(0o022);
  const release = releaseOf(root, { arch: "arm64", revision: 1 });
  const mtime = timeOf(root);
  const work = workFolder(cache);
  const step = (n: number, what: string) => say(`${n}/6  ${what}`);
  const how = { cache, mtime, say: (line: string) => say(`     ${line}`) };
  try {
    step(1, "Debian for arm64");
    const system =
      ssh === undefined
        ? await unpackedArchive("system", { ...how, packages: systemPackages })
        : await unpackedArchive("ssh", { ...how, packages: [...systemPackages, ...sshPackages] });
    step(2, "kernel and firmware");
    const archive = await unpackedArchive("kernel", { ...how, packages: kernelPackages });
    const unpacked = join(work, "unpacked");
    mkdirSync(unpacked);
    await tool("tar", ["-xf", archive, "-C", unpacked]);
    const kernel = kernelIn(unpacked);
    await tool("depmod", ["-b", unpacked, kernel]);
    step(3, "the unit's program");
    const folder = join(work, "system");
    mkdirSync(folder);
    await tool("tar", ["-xf", system, "-C", folder]);
    const lists = [folder, unpacked].map((place) => readFileSync(join(place, listName), "utf8"));
    const manifest = manifestOf(release, lists);
    await fill(folder, { root, release, manifest, ssh, say: how.say });
    await copyModules(unpacked, folder, kernel);
    step(4, "the read-only system is pressed");
    const squash = join(work, "system.squashfs");
    await pressSystem(folder, squash, mtime);
    step(5, "boot and data partitions");
    const boot = await bootPartition(work, { unpacked, kernel, mtime });
    const data = await dataPartition(work, mtime);
    step(6, press ? "the disk, and its pressed copy" : "the disk");
    const parts = [boot, squash, undefined, data];
    return await writeImage(out, {
      name: imageName(root, ssh !== undefined),
      parts,
      manifest,
      press,
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** A folder of this process; what one that was ended left behind goes. */
function workFolder(cache: string): string {
  mkdirSync(cache, { recursive: true });
  for (const name of readdirSync(cache)) {
    const pid = /^work-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      rmSync(join(cache, name), { recursive: true });
    }
  }
  const work = join(cache, `work-${process.pid}`);
  mkdirSync(work);
  return work;
}

function kernelIn(unpacked: string): string {
  const [name] = readdirSync(join(unpacked, "lib/modules"));
  if (name !== undefined) return name;
  const message = "linux-image-arm64 was fetched and holds no modules";
  throw new Failure("image.debian", message, { retry: "never" });
}

/** Makes of Debian's unpacked packages the unit's system. */
async function fill(
  folder: string,
  {
    root,
    release,
    manifest,
    ssh,
    say,
  }: {
    readonly root: string;
    readonly release: Release;
    readonly manifest: string;
  } & Pick<ImageOptions, "ssh" | "say">,
): Promise<void> {
  const modules = await modulesOf(root, { arch: "arm64", say });
  // Its users are among those that are settled.
  unpack(layoutOf(root, release, modules), folder);
  settle(folder, ssh === undefined ? "" : sshUsers);
  const files = new Map<string, Entry>([
    ...systemFiles(),
    ...(ssh === undefined ? [] : sshFiles(ssh)),
    ["usr/lib/busbar/manifest.txt", file(manifest)],
  ]);
  for (const path of files.keys()) {
    const at = join(folder, path);
    if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() === false) rmSync(at);
  }
  unpack(files, folder);
}

async function copyModules(unpacked: string, folder: string, kernel: string): Promise<void> {
  const from = join(unpacked, "lib/modules", kernel);
  const to = join(folder, "usr/lib/modules", kernel);
  const found = globSync(["kernel/**/*.ko*", "modules.builtin*", "modules.order"], { cwd: from });
  for (const path of found.filter(isUseful)) {
    mkdirSync(join(to, path, ".."), { recursive: true });
    copyFileSync(join(from, path), join(to, path));
  }
  await tool("depmod", ["-b", join(folder, "usr"), kernel]);
}

async function pressSystem(folder: string, squash: string, mtime: number): Promise<void> {
  const time = String(mtime);
  await tool("mksquashfs", [
    ...[folder, squash, "-noappend", "-quiet", "-no-progress", "-no-xattrs", "-reproducible"],
    ...["-comp", "zstd", "-Xcompression-level", "9", "-processors", "2"],
    ...["-mkfs-time", time, "-all-time", time],
  ]);
}
