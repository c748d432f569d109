import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "@busbar/protocol";
import { closureOf, type Lock } from "./closure.ts";
import { type Architecture, cpuOf } from "./control.ts";
import { gather } from "./gather.ts";
import { keptOfModule } from "./kept.ts";
import type { Entry } from "./tree.ts";

/** What decides what npm installs: these, and nothing else of the project. */
const files = [
  "package.json",
  "package-lock.json",
  ".npmrc",
  "protocol/package.json",
  "edge/package.json",
  "aggregator/package.json",
  "flows/package.json",
];

/** The rooms that a unit runs. */
const rooms = ["edge", "protocol"];

/**
 * The node_modules of a unit with another processor, as entries below `node_modules/`: npm installs them
 * by the lock file into a folder aside, once for each lock file, and runs none of their scripts.
 * Throws: `Failure` `package.npm` when npm fails, `package.lock`.
 */
export async function modulesOf(
  root: string,
  { arch, say }: { readonly arch: Architecture; readonly say: (line: string) => void },
): Promise<[string, Entry][]> {
  const installed = await install(root, { arch, say });
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Lock;
  };
  const node = `node-linux-${cpuOf[arch]}`;
  const places = [...closureOf(lock.packages, rooms), `node_modules/${node}`];
  const entries = places.flatMap((place) => {
    const folder = join(installed, place);
    // npm may leave out what is optional; Node itself is not.
    if (!existsSync(folder)) throw lacking(place);
    const keep = (path: string) =>
      !path.startsWith("node_modules/") && keptOfModule(path, cpuOf[arch]);
    return gather(folder, keep).map(([path, entry]): [string, Entry] => [
      `${place}/${path}`,
      entry,
    ]);
  });
  const link = (target: string): Entry => ({ kind: "link", target });
  return [
    ...entries,
    ["node_modules/.bin/node", link(`../${node}/bin/node`)],
    ["node_modules/@busbar/edge", link("../../edge")],
    ["node_modules/@busbar/protocol", link("../../protocol")],
  ];
}

/** The folder in which npm installed; kept until the lock file is another one. */
async function install(
  root: string,
  { arch, say }: { readonly arch: Architecture; readonly say: (line: string) => void },
): Promise<string> {
  const hash = createHash("sha256");
  for (const name of files) hash.update(readFileSync(join(root, name))).update("\0");
  const kept = join(root, "node_modules/.cache/busbar-package");
  const name = `${arch}-${hash.digest("hex").slice(0, 16)}`;
  const folder = join(kept, name);
  if (existsSync(folder)) return folder;
  say(`npm fetches the modules for ${arch}`);
  const aside = `${folder}.${process.pid}.new`;
  try {
    for (const file of files) {
      mkdirSync(dirname(join(aside, file)), { recursive: true });
      cpSync(join(root, file), join(aside, file));
    }
    await npm(aside, arch);
    for (const other of readdirSync(kept)) {
      if (other.startsWith(`${arch}-`) && !other.startsWith(name)) {
        rmSync(join(kept, other), { recursive: true });
      }
    }
    renameSync(aside, folder);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return folder;
}

function npm(folder: string, arch: Architecture): Promise<void> {
  const args = [
    "ci",
    `--cpu=${cpuOf[arch]}`,
    "--os=linux",
    "--libc=glibc",
    "--ignore-scripts",
    "--omit=dev",
    ...["-w", "edge", "--include-workspace-root"],
    ...["--no-audit", "--no-fund", "--no-progress"],
  ];
  return new Promise((resolve, reject) => {
    const child = spawn("npm", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4000);
    });
    child.once("error", (cause) => reject(failed("cannot be started", cause)));
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(failed(`ended with ${code}:\n${said.trim()}`));
    });
  });
}

const failed = (what: string, cause?: Error): Failure =>
  new Failure("package.npm", `npm ${what}; it needs the registry, or its cache of a former run`, {
    retry: "later",
    ...(cause === undefined ? {} : { cause }),
  });

const lacking = (place: string): Failure =>
  new Failure("package.npm", `npm did not install ${place}; is package-lock.json up to date?`, {
    retry: "never",
  });
