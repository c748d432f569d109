import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";

/** What a program in the chroot said. */
export type Ran = { readonly code: number; readonly out: string; readonly err: string };

/** What a small Debian has beside what every Debian has; a unit is installed by dpkg, without a network. */
const packages = [
  "systemd",
  "systemd-sysv",
  "udev",
  "libstdc++6",
  "libgcc-s1",
  "init-system-helpers",
];

/** Makes a small Debian 12 in a folder, or copies the one that was made before. Throws: `Failure` `package.chroot`. */
export function makeChroot(folder: string, kept: string): void {
  if (!existsSync(kept)) {
    mkdirSync(join(kept, ".."), { recursive: true });
    const aside = `${kept.replace(/\.tar$/, "")}.${process.pid}.tar`;
    const args = ["--variant=minbase", `--include=${packages.join(",")}`, "bookworm", aside];
    const made = spawnSync("mmdebstrap", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (made.status !== 0) throw chrootFailure(`mmdebstrap: ${(made.stderr ?? "").slice(-2000)}`);
    must("mv", aside, kept);
  }
  must("tar", "-xf", kept, "-C", folder);
  // Programs of the unit's own user look for files from here on.
  chmodSync(folder, 0o755);
}

function must(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, [...args], { encoding: "utf8" });
  if (status !== 0) throw chrootFailure(`${program}: ${error?.message ?? stderr}`);
}

const chrootFailure = (message: string): Failure =>
  new Failure("package.chroot", message.trim(), { retry: "later" });

/** Mounts what programs look for, in a name space of its own that ends with them. No process stands
 * between: a signal to what is started reaches the program itself. */
const inside = 'mount -t proc proc /proc && exec "$@"';
const environment = [
  "env",
  "-i",
  "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
  "HOME=/root",
  "LC_ALL=C.UTF-8",
];

function argsOf(folder: string, command: readonly string[]): string[] {
  const enter = ["--mount", "chroot", folder];
  return [...enter, ...environment, "sh", "-c", inside, "sh", ...command];
}

/** Runs a program in the chroot to its end. */
export function run(folder: string, ...command: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync("unshare", argsOf(folder, command), {
    encoding: "utf8",
    timeout: 300_000,
  });
  return { code: status ?? -1, out: stdout, err: stderr };
}

/** Starts one that goes on. */
export function start(folder: string, ...command: readonly string[]): ChildProcess {
  return spawn("unshare", argsOf(folder, command), { stdio: ["ignore", "inherit", "inherit"] });
}

/** What dpkg and the makers of users write down for themselves. */
const books =
  /^(proc|sys|dev|run|tmp|root|var\/log|var\/lib\/(dpkg|apt|systemd\/deb-systemd-helper-(enabled|masked))|var\/cache|etc\/(passwd|group|shadow|gshadow|subuid|subgid)-?|etc\/\.pwd\.lock)(\/|$)/;

/** Every path of a system with its kind, mode and owner: two of them that are equal differ in nothing that is installed. */
export function pathsOf(folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (path: string): void => {
    for (const name of readdirSync(join(folder, path)).sort()) {
      const at = path === "" ? name : `${path}/${name}`;
      if (books.test(at)) continue;
      const stat = lstatSync(join(folder, at));
      const target = stat.isSymbolicLink() ? ` → ${readlinkSync(join(folder, at))}` : "";
      found.set(at, `${stat.mode.toString(8)} ${stat.uid}:${stat.gid}${target}`);
      if (stat.isDirectory()) visit(at);
    }
  };
  visit("");
  return found;
}

/** Lines of what is only in the one or the other, or differs. */
export function differences(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): string[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((path) => a.get(path) !== b.get(path))
    .map((path) => `${path}: ${a.get(path) ?? "absent"} | ${b.get(path) ?? "absent"}`);
}
