import { type Finding, fault, ok, warning } from "./finding.ts";

/** What is known of the disk below a folder. `writtenPerDay`: bytes, of the unit alone. */
export type DiskFacts = {
  readonly folder: string;
  readonly freeBytes: number;
  readonly type: string | undefined;
  readonly device: string | undefined;
  readonly writtenPerDay: number | undefined;
};

const freeBytesMin = 256 * 1024 * 1024;
/** A plain 32 GB card endures some ten thousand gigabytes at best, and far less in small writes: at
 * this pace it lasts a few years. */
const cardBytesPerDayMax = 1024 ** 3;
const mega = 1024 * 1024;

/** Whether the journal is kept where it survives, and for how long. */
export function diskFindings(facts: DiskFacts): Finding[] {
  const { folder, freeBytes, type, device, writtenPerDay } = facts;
  const free = `${folder}, ${Math.floor(freeBytes / mega)} MB free`;
  const on = type === undefined ? "" : `, ${type} on ${device}`;
  const findings =
    freeBytes >= freeBytesMin
      ? [ok("disk", `${free}${on}`)]
      : [fault("disk", free, "free some space, or lower retention.megabytes")];
  if (type === "tmpfs" || type === "ramfs") {
    const remedy = 'set "data" in edge.yaml to a folder on a disk, such as /var/lib/busbar';
    findings.push(fault("disk", `${folder} lies in memory: a power cut takes the journal`, remedy));
  } else if (type === "overlay") {
    const remedy =
      "in a container mount a volume there; on a read-only image put the folder on a writable partition";
    findings.push(warning("disk", `${folder} lies on an overlay, which may end with it`, remedy));
  } else if (type === "vfat" || type === "exfat" || type?.startsWith("nfs") || type === "cifs") {
    const remedy = "use ext4 on a local disk: the journal needs locks and writes that last";
    findings.push(warning("disk", `${folder} lies on ${type}`, remedy));
  }
  if (writtenPerDay === undefined) return findings;
  const perDay = `the unit writes ${Math.round(writtenPerDay / mega)} MB a day`;
  const card = device !== undefined && /^\/dev\/mmcblk/.test(device);
  if (!card) findings.push(ok("disk wear", perDay));
  else if (writtenPerDay <= cardBytesPerDayMax)
    findings.push(ok("disk wear", `${perDay} to a card`));
  else {
    const remedy =
      "take a card made for recording (high endurance) or an SSD, and read less often: sampling.everySeconds";
    findings.push(warning("disk wear", `${perDay} to a card`, remedy));
  }
  return findings;
}

/** The file system that holds a path, by the text of /proc/mounts: the longest mount point counts. */
export function mountOf(
  path: string,
  mounts: string,
): { type: string; device: string } | undefined {
  let best: { type: string; device: string; point: string } | undefined;
  for (const line of mounts.split("\n")) {
    const [device, at, type] = line.split(" ");
    if (device === undefined || at === undefined || type === undefined) continue;
    // Blanks and the like stand as \040 (fstab(5)).
    const point = at.replace(/\\([0-7]{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    const below = point === "/" || path === point || path.startsWith(`${point}/`);
    if (below && point.length >= (best?.point.length ?? 0)) best = { type, device, point };
  }
  return best && { type: best.type, device: best.device };
}
