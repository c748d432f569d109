import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { Failure } from "@busbar/protocol";
import { type Manifest, parseManifest } from "./manifest.ts";
import { hashing } from "./place.ts";
import { untar } from "./untar.ts";

/** What the package says of itself, and the list of all its files. */
const describing = "opt/busbar/bundle.json";
const listing = "opt/busbar/SHA256SUMS";
/** Neither of them is longer. */
const textBytesMax = 4 * 1024 * 1024;

/**
 * The manifest of a package that `npm run package` made, from its tarball.
 * Throws: `Failure` `update.archive`, `update.no-package`, and what the file system throws.
 */
export async function inspectPackage(path: string): Promise<Manifest> {
  let bytes = 0;
  async function* counted() {
    for await (const chunk of createReadStream(path)) {
      bytes += chunk.length;
      yield chunk as Uint8Array;
    }
  }
  const { chunks, digest } = hashing(counted());
  const found = await textsIn(path, unpressed(chunks), [describing, listing]);
  const described = found.get(describing);
  const list = found.get(listing);
  if (described === undefined || list === undefined) throw noPackage(path);
  const payload = { bytes, sha256: digest() };
  const sums = createHash("sha256").update(list).digest("hex");
  return parseManifest(
    Buffer.from(JSON.stringify({ ...objectOf(path, described), sums, payload })),
  );
}

/** Bytes of a gzip stream. What is none of it is refused as an archive. */
export async function* unpressed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const fed = (async () => {
    for await (const chunk of chunks) {
      if (!gunzip.write(chunk)) await new Promise((resolve) => gunzip.once("drain", resolve));
    }
    gunzip.end();
  })();
  fed.catch((error) => gunzip.destroy(error));
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } catch (cause) {
    if (cause instanceof Failure || !String(Reflect.get(Object(cause), "code")).startsWith("Z_"))
      throw cause;
    const message = "the bundle's archive is refused: it is not pressed, or damaged";
    throw new Failure("update.archive", message, { retry: "never", cause });
  }
  await fed;
}

/** The contents of some files of an archive; the whole of it is read. */
async function textsIn(
  path: string,
  archive: AsyncIterable<Uint8Array>,
  names: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  let name: string | undefined;
  for await (const part of untar(archive)) {
    if (part.kind !== "chunk") {
      name = part.kind === "file" && names.includes(part.path) ? part.path : undefined;
      if (name !== undefined) found.set(name, new Uint8Array(0));
    } else if (name !== undefined) {
      const whole = Buffer.concat([found.get(name) ?? new Uint8Array(0), part.bytes]);
      if (whole.length > textBytesMax) throw noPackage(path);
      found.set(name, whole);
    }
  }
  return found;
}

function objectOf(path: string, bytes: Uint8Array): object {
  try {
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    throw noPackage(path);
  }
}

const noPackage = (path: string): Failure =>
  new Failure("update.no-package", `${path}: expected a tarball that npm run package made`, {
    retry: "never",
  });
