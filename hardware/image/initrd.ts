import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { gzip } from "../package/deb.ts";
import { type Entry, file } from "../package/tree.ts";
import { cpioOf } from "./cpio.ts";
import { closureOfModules, earlyModules, parseDependencies } from "./modules.ts";

/** What `root/init` calls. */
export const applets = [
  ...["sh", "blockdev", "cat", "chmod", "chown", "chroot", "cp", "dd", "echo", "hexdump", "insmod"],
  ...["mkdir", "mount", "mv", "printf", "reboot", "sed", "sleep", "switch_root", "sync", "tr"],
  ...["umount", "["],
] as const;

/**
 * The first root: busybox, `root/init`, and the modules of disks and file systems in the order in which
 * they are loaded. @param unpacked the folder with kernel and busybox; modules.dep is there
 */
export function initrdOf(
  unpacked: string,
  { kernel, mtime }: { readonly kernel: string; readonly mtime: number },
): Buffer {
  const modules = join(unpacked, "lib/modules", kernel);
  const dependencies = parseDependencies(readFileSync(join(modules, "modules.dep"), "utf8"));
  const order = closureOfModules(dependencies, earlyModules);
  const link: Entry = { kind: "link", target: "busybox" };
  const tree = new Map<string, Entry>([
    ["init", file(readFileSync(join(import.meta.dirname, "root/init")), { executable: true })],
    ["bin/busybox", file(readFileSync(busyboxIn(unpacked)), { executable: true })],
    ...applets.map((name): [string, Entry] => [`bin/${name}`, link]),
    ...order.map((path): [string, Entry] => [
      `modules/${flat(path)}`,
      file(readFileSync(join(modules, path))),
    ]),
    ["modules/order", file(`${order.map(flat).join("\n")}\n`)],
    ...["dev", "proc", "root", "sys"].map((name): [string, Entry] => [name, { kind: "folder" }]),
  ]);
  return gzip(cpioOf(tree, mtime));
}

const flat = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

function busyboxIn(unpacked: string): string {
  const [found] = globSync(["bin/busybox", "usr/bin/busybox"], { cwd: unpacked });
  if (found !== undefined) return join(unpacked, found);
  const message = "busybox-static was fetched and holds no busybox";
  throw new Failure("image.debian", message, { retry: "never" });
}
