import { spawn } from "node:child_process";
import { Failure } from "@busbar/protocol";
import { needsOfPackage } from "../package/build.ts";
import { type Need, needFolder, needProgram } from "../package/needs.ts";

/** Programs that the image is made with, and Debian's packages of them. */
const tools = [
  ["mmdebstrap", "mmdebstrap"],
  ["mksquashfs", "squashfs-tools"],
  ["mkfs.vfat", "dosfstools"],
  ["mcopy", "mtools"],
  ["mke2fs", "e2fsprogs"],
  ["depmod", "kmod"],
  ["zstd", "zstd"],
] as const;

/** Both archives, the system's folder, its pressed form, the disk and its pressed form. */
const megabytes = 4000;

/** What has to be there to make the image. */
export const needsOfImage = (out: string, cache: string): readonly Need[] => [
  ...needsOfPackage(out),
  ...tools.map(([name, debianPackage]) => needProgram(name, debianPackage)),
  needFolder(cache, megabytes),
  {
    name: "root",
    missing:
      process.getuid?.() === 0 ? undefined : "sudo: the system's files belong to several users",
  },
];

/**
 * Runs a tool to its end and gives what it said. Files that it makes are of UTC and of `mtime`, seconds
 * since 1970. Throws: `Failure` `image.tool` with what it said.
 */
export function tool(
  name: string,
  args: readonly string[],
  { mtime }: { readonly mtime?: number } = {},
): Promise<string> {
  const path = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;
  const env = { ...process.env, PATH: path, LC_ALL: "C", TZ: "UTC", ...timesOf(mtime) };
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { stdio: ["ignore", "pipe", "pipe"], env });
    let [out, said] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-2000);
    });
    const fail = (why: string) =>
      reject(new Failure("image.tool", `${name} ${args.join(" ")}: ${why}`, { retry: "never" }));
    child.once("error", (cause) => fail(cause.message));
    child.once("close", (code, signal) =>
      code === 0 ? resolve(out) : fail(`${signal ?? `exit code ${code}`}: ${said.trim()}`),
    );
  });
}

/** By what name each tool asks which time it is; nothing else may tell it. */
const timesOf = (mtime: number | undefined) => ({
  SOURCE_DATE_EPOCH: mtime === undefined ? undefined : String(mtime),
  E2FSPROGS_FAKE_TIME: mtime === undefined ? undefined : String(mtime),
  MTOOLS_SKIP_CHECK: "1",
});
