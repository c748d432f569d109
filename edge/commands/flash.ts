import { readFileSync, realpathSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { confirmDisk } from "../flash/confirm.ts";
import { disksOf, type KnownDisk, megabytes, problemOf } from "../flash/disks.ts";
import { needMtools, putFiles } from "../flash/fat.ts";
import { bytesOf, examine } from "../flash/image.ts";
import { labelFiles, labelFor, typedLabel } from "../flash/labels.ts";
import { type SiteCard, siteCardOf } from "../flash/site.ts";
import { diskTarget, fileTarget } from "../flash/target.ts";
import { writeCard } from "../flash/write.ts";
import { exitCode, fail, print, table } from "./output.ts";
import { canRedraw, StatusLine } from "./terminal.ts";

export type FlashOptions = {
  readonly image?: string;
  readonly device?: string;
  readonly toFile?: string;
  readonly config?: string;
  readonly labels?: string;
  readonly code?: string;
  readonly codeOnCard?: boolean;
  readonly sha256?: string;
  readonly confirm?: string;
  readonly list?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
};

/** Writes an image onto a card; says first what it would do. */
export async function flashCommand(options: FlashOptions): Promise<void> {
  const { json = false } = options;
  if (options.list === true) return list(json);
  const { image: path, device, toFile, config } = options;
  if (path === undefined || (device === undefined) === (toFile === undefined)) {
    throw usage("expected --image FILE and --device DISK (or --to-file FILE); --list shows disks");
  }
  if (options.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(options.sha256)) {
    throw usage(`expected --sha256 with 64 hexadecimal digits, got ${options.sha256}`);
  }
  const disk = device === undefined ? undefined : fitting(device);
  const files = config === undefined ? noCard(options) : await cardFiles(config, options);
  if (files !== undefined) needMtools();
  const shown = progressLine();
  const image = await examine(path, {
    wanted: options.sha256,
    progress: (bytes) => shown.show(`checking the image: ${megabytes(bytes)}`),
  }).finally(() => shown.end());
  if (disk !== undefined) fitting(disk.path, image.bytes);

  const to = disk?.path ?? resolve(toFile ?? "");
  const result = { to, ...image, site: [...(files?.keys() ?? [])] };
  process.stderr.write(`${planText(path, { ...result, disk })}\n`);
  if (options.dryRun === true) {
    return print(json, { ok: true, dryRun: true, ...result }, () => "Nothing was written.");
  }
  if (disk !== undefined) {
    await confirmDisk(disk.name, {
      given: options.confirm,
      input: process.stdin,
      output: process.stderr,
    });
    // It may have been mounted while the question stood.
    fitting(disk.path, image.bytes);
  }

  const stopped = new AbortController();
  const stop = () => stopped.abort();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    await writeCard(disk === undefined ? fileTarget(to) : diskTarget(disk), {
      image,
      bytes: bytesOf(path),
      fill:
        files === undefined
          ? undefined
          : async () => putFiles(files, { disk: to, at: image.firstPartition, folder: "site" }),
      progress: (step, done) =>
        shown.show(`${stepNames[step]}${Math.floor((done / image.bytes) * 100)} %`),
      signal: stopped.signal,
    });
  } catch (error) {
    shown.end();
    // Half a file of ours is of no use; one that was there before is not ours.
    const isOurs = !(error instanceof Failure && error.code === "flash.file");
    if (disk === undefined && isOurs) rmSync(to, { force: true });
    fail(error, json);
    if (stopped.signal.aborted) process.exitCode = exitCode.interrupted;
    return;
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
  shown.end();
  print(json, { ok: true, ...result }, () => {
    const next =
      disk === undefined ? "" : `\nIt can be taken out: sudo eject ${disk.path} lets go of it.`;
    return `${to}: ${megabytes(image.bytes)} written, read back and the same.${next}`;
  });
}

/** The files that go into `site/` on the card. */
async function cardFiles(
  config: string,
  { labels, code, codeOnCard = false }: FlashOptions,
): Promise<Map<string, string>> {
  if (labels !== undefined && code !== undefined)
    throw usage("--labels and --code exclude each other");
  const hasLabel = labels !== undefined || code !== undefined;
  const card = siteCardOf(config, { hasLabel });
  if (!hasLabel) {
    if (codeOnCard)
      throw usage("--code-on-card puts a label's code there: give --labels or --code");
    return card.files;
  }
  const unit = unitOf(card, config);
  const label =
    labels === undefined ? typedLabel(code ?? "", unit) : labelFor(labels, unit, Date.now());
  const host = card.files.get("hostname")?.trim();
  if (host !== undefined && host !== label.device) {
    process.stderr.write(
      `The label's QR code leads to http://${label.device}.local:8080, and the unit will be ${host}: type the code at http://${host}.local:8080/claim, or leave hostname out.\n`,
    );
  }
  for (const [name, text] of await labelFiles(label, card.secrets, { codeOnCard })) {
    card.files.set(name, text);
  }
  return card.files;
}

function noCard({ labels, code, codeOnCard }: FlashOptions): undefined {
  if (labels === undefined && code === undefined && codeOnCard !== true) return undefined;
  throw usage("a label seals what --config has for the unit: give both");
}

function unitOf({ unit }: SiteCard, config: string) {
  if (unit !== undefined) return unit;
  const message = `${config}: expected the unit (unit: or configuration:), whose label is to be taken`;
  throw new Failure("flash.label", message, { retry: "never" });
}

const stepNames = {
  write: "writing: ",
  compare: "comparing: ",
  site: "the site's files: ",
} as const;

function list(json: boolean): void {
  const disks = known().filter(({ removable }) => removable);
  const rows = disks.map((disk) => ({ ...disk, problem: problemOf(disk) }));
  print(json, { ok: true, disks: rows }, () => {
    if (rows.length === 0)
      return "No removable disk. Put the card into its reader, and look again.";
    const cells = rows.map(({ path, bytes, model, problem }) => [
      path,
      megabytes(bytes),
      model,
      problem === undefined ? "can be written" : problem,
    ]);
    return table(["disk", "size", "model", ""], cells);
  });
}

/** The disk of this path, if it may be written to. Throws: `Failure` `flash.disk`. */
function fitting(device: string, bytes = 0): KnownDisk {
  let path = device;
  try {
    // /dev/disk/by-id/… are links.
    path = realpathSync(device);
  } catch {
    // Said below: there is no such disk.
  }
  const disk = known().find((one) => one.path === path);
  const problem =
    disk === undefined
      ? `${device} is no disk; a whole one is expected, such as /dev/sdb, not a partition`
      : problemOf(disk, bytes);
  if (disk !== undefined && problem === undefined) return disk;
  const message = `${problem}. busbar-edge flash --list shows what can be written to`;
  throw new Failure("flash.disk", message, { retry: "never" });
}

function known(): KnownDisk[] {
  const text = (path: string) => readFileSync(path, "utf8");
  const [mountinfo, swaps] = ["/proc/self/mountinfo", "/proc/swaps"].map((path) => {
    try {
      return text(path);
    } catch (cause) {
      const message = `${path} cannot be read, so nobody knows which disks are in use; flash works on Linux only, elsewhere take Raspberry Pi Imager`;
      throw new Failure("flash.system", message, { retry: "never", cause });
    }
  });
  return disksOf({ block: "/sys/block", mountinfo: mountinfo ?? "", swaps: swaps ?? "" });
}

function planText(
  path: string,
  {
    disk,
    to,
    bytes,
    sha256,
    site,
  }: {
    readonly disk: KnownDisk | undefined;
    readonly to: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly site: readonly string[];
  },
): string {
  const target = disk === undefined ? "a new file" : `${megabytes(disk.bytes)}, ${disk.model}`;
  return [
    `image  ${path}: ${megabytes(bytes)}, SHA-256 ${sha256.slice(0, 16)}… as it should be`,
    `onto   ${to} (${target})`,
    ...(site.length === 0
      ? []
      : [`site/  ${site.join(", ")}: ${sealedText(site)}until the first start wipes them`]),
  ].join("\n");
}

/** Says what anybody who finds the card can read. */
function sealedText(site: readonly string[]): string {
  if (site.includes("claim.txt")) return "the label's code lies with them, so nothing is sealed, ";
  return site.includes("sealed.txt")
    ? "sealed.txt sealed, all else in plain text, "
    : "in plain text, ";
}

/** A line that is drawn over on a terminal; elsewhere nothing. */
function progressLine() {
  const line = canRedraw(process.stderr) ? new StatusLine() : undefined;
  let last = "";
  return {
    show: (text: string) => {
      if (text !== last) line?.show(text);
      last = text;
    },
    end: () => line?.clear(),
  };
}

const usage = (message: string): Failure => new Failure("usage.flash", message, { retry: "never" });
