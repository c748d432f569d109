import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import { Failure } from "@busbar/protocol";

/** What an image was found to be. */
export type Image = {
  /** Of what goes onto the card, in bytes. */
  readonly bytes: number;
  readonly sha256: string;
  /** Where its first partition, the one that any computer shows, begins; in bytes. */
  readonly firstPartition: number;
};

const chunkBytes = 1024 * 1024;

/** An image's bytes as they go onto a card; those of a pressed one (`.zst`) as they come out of it. */
export async function* bytesOf(
  path: string,
  pressed: (chunk: Buffer) => void = () => {},
): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: chunkBytes });
  const seen = async function* (from: AsyncIterable<Buffer>) {
    for await (const chunk of from) {
      pressed(chunk);
      yield chunk;
    }
  };
  if (!path.endsWith(".zst")) return yield* seen(file);
  const plain = createZstdDecompress({ chunkSize: chunkBytes });
  // What fails before it reaches the reader below as the error of `plain`.
  pipeline(file, seen, plain, () => {});
  yield* plain;
}

/**
 * Reads an image once, compares it with its checksums, and looks whether it is the image of a card.
 * @param wanted the SHA-256 of the file in hexadecimal digits; left out, what the file of checksums says
 * Throws: `Failure` `flash.image`, `flash.checksum`.
 */
export async function examine(
  path: string,
  {
    wanted,
    progress = () => {},
  }: { readonly wanted?: string | undefined; readonly progress?: (bytes: number) => void } = {},
): Promise<Image> {
  if (!/\.img(\.zst)?$/.test(path)) {
    throw wrong(`${path}: expected an image of a card, .img or .img.zst`);
  }
  const sums = wanted === undefined ? sumsBeside(path) : new Map([[basename(path), wanted]]);
  const [ofFile, ofCard] = [createHash("sha256"), createHash("sha256")];
  let bytes = 0;
  let head = Buffer.alloc(0);
  try {
    for await (const chunk of bytesOf(path, (piece) => ofFile.update(piece))) {
      if (head.length < 512) head = Buffer.concat([head, chunk.subarray(0, 512)]);
      ofCard.update(chunk);
      bytes += chunk.length;
      progress(bytes);
    }
  } catch (cause) {
    throw wrong(`${path}: cannot be read to its end (${(cause as Error).message}); fetch it again`);
  }
  const sha256 = ofCard.digest("hex");
  compare(path, { wanted: sums.get(basename(path)), got: ofFile.digest("hex") });
  const plain = sums.get(basename(path, ".zst"));
  if (plain !== undefined) compare(basename(path, ".zst"), { wanted: plain, got: sha256 });
  return { bytes, sha256, firstPartition: firstPartitionOf(path, { head, bytes }) };
}

function compare(
  name: string,
  { wanted, got }: { readonly wanted: string | undefined; readonly got: string },
): void {
  if (wanted?.toLowerCase() === got) return;
  const message = `${name}: expected the SHA-256 ${wanted}, got ${got}; fetch the image again`;
  throw new Failure("flash.checksum", message, { retry: "never" });
}

/** NAME.img and NAME.img.zst have their checksums in NAME.sha256, in sha256sum's form. */
function sumsBeside(path: string): Map<string, string> {
  const name = basename(path);
  const file = join(dirname(path), `${name.replace(/\.img(\.zst)?$/, "")}.sha256`);
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // Said below, as an empty one.
  }
  const sums = new Map(
    [...text.matchAll(/^([0-9a-fA-F]{64}) [ *](.+?)\r?$/gm)].map(([, sum = "", of = ""]) => [
      of,
      sum,
    ]),
  );
  if (sums.has(name)) return sums;
  const message = `${file}: expected a line with the SHA-256 of ${name}; put the file of checksums there, or pass --sha256`;
  throw new Failure("flash.checksum", message, { retry: "never" });
}

/** Where the first partition of a card's master boot record begins, which has to be FAT. */
function firstPartitionOf(
  path: string,
  { head, bytes }: { readonly head: Buffer; readonly bytes: number },
): number {
  const isRecord = head.length >= 512 && head.readUInt16LE(510) === 0xaa55;
  const [type, first, count] = isRecord
    ? [head[446 + 4], head.readUInt32LE(446 + 8), head.readUInt32LE(446 + 12)]
    : [0, 0, 0];
  const isFat = type === 0x0b || type === 0x0c || type === 0x0e;
  if (isFat && first > 0 && count > 0 && (first + count) * 512 <= bytes) return first * 512;
  throw wrong(`${path}: expected a disk whose first partition is FAT; this is no image of a card`);
}

const wrong = (message: string): Failure => new Failure("flash.image", message, { retry: "never" });
