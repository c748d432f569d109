import { chmodSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { initrdOf } from "./initrd.ts";
import { partitionType } from "./mbr.ts";
import { tool } from "./tools.ts";

/** The disk's name of itself, by which the first root finds it. */
export const diskId = 0xb05ba401;

/** Firmware and kernels; two systems; what is kept, which grows to the card's end. */
export const sizes = [
  { type: partitionType.fat32, mib: 256 },
  { type: partitionType.linux, mib: 320 },
  { type: partitionType.linux, mib: 320 },
  { type: partitionType.linux, mib: 64 },
] as const;

/** What the kernel is told. */
export const commandLine = (slot: "a" | "b"): string =>
  `console=tty1 busbar.disk=${diskId.toString(16)} busbar.slot=${slot} quiet loglevel=3 panic=20`;

/** Puts here what the unit is to take over at its next start; `README.md` lists it. */
const siteText =
  `Put here what busbar-edge setup made: edge.yaml; membership.json from a member; and, if they are needed, hostname,
wifi.conf, network/*.network and timesyncd.conf.d/*.conf. At its next start the unit takes them over and wipes
this folder, or says in refused.txt what is wrong.
`.replaceAll("\n", "\r\n");

/** The first partition: firmware, kernel and first root, and the folder for the site's configuration. */
export async function bootPartition(
  work: string,
  {
    unpacked,
    kernel,
    mtime,
  }: { readonly unpacked: string; readonly kernel: string; readonly mtime: number },
): Promise<string> {
  const folder = join(work, "boot");
  const put = (path: string, bytes: Uint8Array | string) => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  };
  const copy = (pattern: string, to: string) => {
    for (const path of globSync(pattern, { cwd: unpacked })) {
      put(`${to}${basename(path)}`, readFileSync(join(unpacked, path)));
    }
  };
  put("config.txt", readFileSync(join(import.meta.dirname, "root/config.txt")));
  put("site/README.txt", siteText);
  // The other slot's kernel comes with its system.
  put("a/vmlinuz", readFileSync(join(unpacked, "boot", `vmlinuz-${kernel}`)));
  put("a/initrd", initrdOf(unpacked, { kernel, mtime }));
  put("a/cmdline.txt", `${commandLine("a")}\n`);
  copy("usr/lib/linux-image-*/broadcom/bcm2*-rpi-*.dtb", "a/");
  copy("usr/lib/raspi-firmware/*.{bin,elf,dat}", "");
  const fat = join(work, "boot.fat");
  const volume = diskId.toString(16);
  const size = String(sizes[0].mib * 1024);
  await tool(
    "mkfs.vfat",
    ["-C", "-F", "32", "-n", "BUSBAR", "-i", volume, "--invariant", fat, size],
    { mtime },
  );
  for (const path of globSync("**/*", { cwd: folder }).sort()) {
    const at = join(folder, path);
    const args = statSync(at).isDirectory()
      ? ["mmd", ["-i", fat, `::${path}`]]
      : ["mcopy", ["-i", fat, at, `::${path}`]];
    await tool(args[0] as string, args[1] as string[], { mtime });
  }
  return fat;
}

/** The last partition: an empty file system, of which each card's first start makes as much as fits. */
export async function dataPartition(work: string, mtime: number): Promise<string> {
  const folder = join(work, "data");
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const path = join(work, "data.ext4");
  const id = "b05ba401-0000-4000-8000-000000000004";
  // Blocks and inodes of a large file system, with room for descriptors of 256 GiB.
  const grown = "resize=67108864";
  const extended = `hash_seed=${id},lazy_itable_init=0,lazy_journal_init=0,${grown}`;
  await tool(
    "mke2fs",
    [
      ...["-q", "-t", "ext4", "-L", "busbar-data", "-U", id, "-E", extended, "-m", "1"],
      ...["-b", "4096", "-I", "256", "-i", "16384", "-J", "size=16"],
      ...["-d", folder, path, `${sizes[3].mib}M`],
    ],
    { mtime },
  );
  return path;
}
