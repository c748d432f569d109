import { closeSync, createReadStream, createWriteStream, openSync, readSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { Failure } from "@busbar/protocol";

/*
 * A bundle is one file: a line that says so, the length of the manifest in four bytes, the manifest
 * (signed: a COSE_Sign1 around it), and the pressed archive of the program to the end.
 */
const mark = Buffer.from("busbar-bundle 1\n");
const manifestBytesMax = 4096;

/** Where the parts of a bundle are. */
export type BundleHead = {
  readonly manifest: Uint8Array;
  /** Where the archive begins. */
  readonly payloadAt: number;
};

/** Reads the head of a bundle. Throws: `Failure` `update.no-bundle`, and what the file system throws. */
export function readBundleHead(path: string): BundleHead {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(mark.length + 4);
    const got = readSync(file, head, 0, head.length, 0);
    const length = got === head.length ? head.readUInt32BE(mark.length) : 0;
    const isMarked = head.subarray(0, mark.length).equals(mark);
    if (!isMarked || length === 0 || length > manifestBytesMax) throw noBundle(path);
    const manifest = Buffer.alloc(length);
    if (readSync(file, manifest, 0, length, head.length) !== length) throw noBundle(path);
    return { manifest: new Uint8Array(manifest), payloadAt: head.length + length };
  } finally {
    closeSync(file);
  }
}

/** The archive behind the head, as it is pressed. */
export const payloadOf = (path: string, { payloadAt }: BundleHead) =>
  createReadStream(path, { start: payloadAt });

/** Writes a bundle: a manifest before an archive that lies in `from`, from `at` on. */
export async function writeBundle(
  path: string,
  manifest: Uint8Array,
  { from, at }: { readonly from: string; readonly at: number },
): Promise<void> {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(manifest.length);
  const out = createWriteStream(path, { flags: "wx" });
  for (const part of [mark, length, manifest]) out.write(part);
  await pipeline(createReadStream(from, { start: at }), out);
}

const noBundle = (path: string): Failure =>
  new Failure("update.no-bundle", `${path}: expected a bundle that busbar-edge update make made`, {
    retry: "never",
  });
