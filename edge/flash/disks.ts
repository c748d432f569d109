import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A disk as Linux knows it. */
export type KnownDisk = {
  /** "sdb", "mmcblk0": what has to be typed in before it is written to. */
  readonly name: string;
  readonly path: string;
  /** "8:16": by which an open file is known to be this disk. */
  readonly number: string;
  readonly bytes: number;
  readonly model: string;
  /** A memory card, or a stick or reader whose medium can be taken out. */
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Where it or a part of it is mounted, and what else holds it. */
  readonly mounts: readonly string[];
  readonly holders: readonly string[];
};

/** What the kernel says: the folder of /sys/block, and the texts of /proc/self/mountinfo and /proc/swaps. */
export type KernelView = {
  readonly block: string;
  readonly mountinfo: string;
  readonly swaps: string;
};

/**
 * All disks that are devices of their own, by name; no loop devices, no memory, no drives for CDs.
 * Source: Linux, Documentation/ABI/stable/sysfs-block. A card in a reader that is soldered to the board is
 * not `removable` there: its kind, SD and not MMC, tells it from the memory beside it.
 */
export function disksOf({ block, mountinfo, swaps }: KernelView): KnownDisk[] {
  const mounts = mountsOf(mountinfo);
  const swapped = swaps.split("\n").map((line) => line.split(/\s/, 1)[0] ?? "");
  return foldersIn(block).flatMap((name): KnownDisk[] => {
    const at = join(block, name);
    const text = (path: string) => textOf(join(at, path));
    if (!existsSync(join(at, "device")) || text("device/type") === "5") return [];
    const parts = foldersIn(at).filter((part) => existsSync(join(at, part, "partition")));
    const all = [name, ...parts];
    const numbers = [text("dev"), ...parts.map((part) => text(`${part}/dev`))];
    const places = all.map((part) => `/dev/${part}`);
    const holders = [".", ...parts].flatMap((part) => foldersIn(join(at, part, "holders")));
    const swap = places.filter((place) => swapped.includes(place));
    return [
      {
        name,
        path: `/dev/${name}`,
        number: text("dev"),
        // Always in units of 512 bytes, whatever the device's own are.
        bytes: Number(text("size")) * 512 || 0,
        model: [text("device/vendor"), text("device/model") || text("device/name")]
          .join(" ")
          .trim(),
        removable: text("removable") === "1" || text("device/type") === "SD",
        readOnly: text("ro") === "1",
        mounts: mounts
          .filter(({ number, source }) => numbers.includes(number) || places.includes(source))
          .map(({ point }) => point),
        holders: [...holders, ...swap.map((place) => `swap on ${place}`)],
      },
    ];
  });
}

/** Why a disk is not written to; undefined where it may be. @param bytes of the image */
export function problemOf(disk: KnownDisk, bytes = 0): string | undefined {
  const { path, mounts, holders } = disk;
  if (mounts.some((point) => systemPlaces.has(point))) {
    return `${path} is a disk of this system (mounted at ${mounts.join(", ")})`;
  }
  if (!disk.removable) return `${path} is no removable disk`;
  if (mounts.length > 0) {
    return `${path} is mounted at ${mounts.join(", ")}; unmount it, and see that it is the right one`;
  }
  if (holders.length > 0) return `${path} is in use by ${holders.join(", ")}`;
  if (disk.bytes === 0) return `${path} has no card in it`;
  if (disk.readOnly) return `${path} is write-protected; look at the card's slider`;
  if (disk.bytes < bytes) {
    return `${path} has room for ${megabytes(disk.bytes)}, the image has ${megabytes(bytes)}; take a larger card`;
  }
  return undefined;
}

const systemPlaces = new Set([
  "/",
  "/boot",
  "/boot/efi",
  "/boot/firmware",
  "/usr",
  "/var",
  "/home",
]);

/** 1000000 → "1.0 MB" */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Source: proc_pid_mountinfo(5); blanks in a path stand as octal numbers. */
function mountsOf(text: string) {
  return text.split("\n").flatMap((line) => {
    const [head = "", tail = ""] = line.split(" - ");
    const [, , number, , point] = head.split(" ");
    const [, source = ""] = tail.split(" ");
    if (number === undefined || point === undefined) return [];
    const plain = (path: string) =>
      path.replaceAll(/\\([0-7]{3})/g, (_, digits) =>
        String.fromCharCode(Number.parseInt(digits, 8)),
      );
    return [{ number, point: plain(point), source: plain(source) }];
  });
}

/** Names in a folder, in order; none where it cannot be read. */
function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
