import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { layOut, masterBootRecord } from "./mbr.ts";
import { diskId, sizes } from "./partitions.ts";
import { tool } from "./tools.ts";

/** A file that was made. */
export type MadeFile = { readonly path: string; readonly bytes: number; readonly sha256: string };

/** The raw image first; then its pressed copy, where one was asked for. */
export type MadeImage = { readonly image: MadeFile; readonly pressed: MadeFile | undefined };

/**
 * Writes the disk of these partitions' files, each file whole or not at all, and beside it what is in it and
 * the checksums. Throws: `Failure` `image.size` where a partition is too small, `image.tool`.
 */
export async function writeImage(
  out: string,
  {
    name,
    parts,
    manifest,
    press,
  }: {
    readonly name: string;
    /** In the order of the partitions; undefined: left empty. */
    readonly parts: readonly (string | undefined)[];
    readonly manifest: string;
    readonly press: boolean;
  },
): Promise<MadeImage> {
  mkdirSync(out, { recursive: true });
  const path = join(out, `${name}.img`);
  const asides = [path, `${path}.zst`].map((one) => `${one}.${process.pid}.new`);
  const [aside = "", pressedAside = ""] = asides;
  try {
    writeDisk(aside, parts);
    const pressing = ["-q", "-f", "-12", "-T2", aside, "-o", pressedAside];
    if (press) await tool("zstd", pressing);
    const image = { ...(await looked(aside)), path };
    const pressed = press ? { ...(await looked(pressedAside)), path: `${path}.zst` } : undefined;
    renameSync(aside, path);
    if (press) renameSync(pressedAside, `${path}.zst`);
    else rmSync(`${path}.zst`, { force: true });
    writeFileSync(join(out, `${name}.manifest.txt`), manifest);
    const sums = [
      `${image.sha256}  ${name}.img\n`,
      ...(pressed === undefined ? [] : [`${pressed.sha256}  ${name}.img.zst\n`]),
    ];
    writeFileSync(join(out, `${name}.sha256`), sums.join(""));
    return { image, pressed };
  } finally {
    for (const one of asides) rmSync(one, { force: true });
  }
}

async function looked(path: string): Promise<MadeFile> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return { path, bytes: statSync(path).size, sha256: hash.digest("hex") };
}

function writeDisk(path: string, parts: readonly (string | undefined)[]): void {
  const layout = layOut(sizes);
  const disk = openSync(path, "w");
  try {
    ftruncateSync(disk, layout.sectors * 512);
    writeSync(disk, masterBootRecord(layout, diskId), 0, 512, 0);
    for (const [n, part] of parts.entries()) {
      const partition = layout.partitions[n];
      if (part === undefined || partition === undefined) continue;
      const { size } = statSync(part);
      if (size > partition.count * 512) {
        const message = `partition ${n + 1} has ${partition.count * 512} bytes and is to hold ${size}; enlarge it in partitions.ts`;
        throw new Failure("image.size", message, { retry: "never" });
      }
      copyInto(disk, part, partition.first * 512);
    }
    fsyncSync(disk);
  } finally {
    closeSync(disk);
  }
}

/** Copies a file to a place of another, and leaves holes where it holds nothing. */
function copyInto(disk: number, part: string, at: number): void {
  const from = openSync(part, "r");
  const chunk = Buffer.alloc(64 * 1024);
  try {
    for (let offset = 0; ; ) {
      const read = readSync(from, chunk, 0, chunk.length, offset);
      if (read === 0) return;
      const bytes = chunk.subarray(0, read);
      if (bytes.some((byte) => byte !== 0)) writeSync(disk, bytes, 0, read, at + offset);
      offset += read;
    }
  } finally {
    closeSync(from);
  }
}
