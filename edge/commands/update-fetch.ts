import { createHash } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { readBundleHead } from "../update/bundle-file.ts";
import { readManifest } from "../update/manifest.ts";
import { updateFolder } from "../update/store.ts";
import { updateInstall } from "./update.ts";

/** Options of `busbar-edge update fetch`. */
export type FetchOptions = {
  readonly config: string;
  readonly versionStated: string;
  readonly bytes: string;
  readonly sha256: string;
  readonly minutes: string;
  readonly json?: boolean;
};

const bytesMax = 512 * 1024 * 1024;

/**
 * Fetches the bundle that somebody stated by its size and hash, and puts it on trial. What is another file
 * than was stated is thrown away; whether it is signed is looked at as with any other bundle.
 * Throws: `Failure` `usage.update`, `update.fetch`, `update.fetched`, `update.not-stated`, and what an
 * installation throws.
 */
export async function updateFetch(url: string, options: FetchOptions): Promise<void> {
  const { versionStated, sha256, config: file, minutes, json = false } = options;
  const bytes = Number(options.bytes);
  if (
    !(Number.isInteger(bytes) && bytes > 0 && bytes <= bytesMax) ||
    !/^[0-9a-f]{64}$/.test(sha256)
  ) {
    const message = `expected --bytes up to ${bytesMax} and --sha256 of 64 hexadecimal digits`;
    throw new Failure("usage.update", message, { retry: "never" });
  }
  const folder = updateFolder(loadConfig(file).home);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const bundle = join(folder, "incoming.bundle");
  rmSync(bundle, { force: true });
  try {
    await fetchTo(bundle, url, { bytes, sha256 });
    // Not trusted yet, but what is installed is the same file, and its signature binds the same manifest.
    const { version } = readManifest(readBundleHead(bundle).manifest);
    if (version !== versionStated) {
      const message = `the bundle is version ${version}, stated was ${versionStated}`;
      throw new Failure("update.not-stated", message, { retry: "never" });
    }
    await updateInstall(bundle, { config: file, minutes, json });
  } finally {
    rmSync(bundle, { force: true });
  }
}

async function fetchTo(
  path: string,
  url: string,
  { bytes, sha256 }: { readonly bytes: number; readonly sha256: string },
): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw away(url, cause instanceof Error ? String(cause.cause ?? cause.message) : String(cause));
  }
  if (!response.ok || response.body === null) throw away(url, `status ${response.status}`);
  const hash = createHash("sha256");
  let got = 0;
  // Open before anything can fail: an opening under way would make the file anew behind its removal.
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of response.body) {
      got += chunk.length;
      if (got > bytes) throw other(url, `more than the ${bytes} bytes that were stated`);
      hash.update(chunk);
      await file.appendFile(chunk);
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw away(url, cause instanceof Error ? cause.message : String(cause));
  } finally {
    await file.close();
  }
  if (got !== bytes) throw other(url, `${got} bytes instead of ${bytes}`);
  if (hash.digest("hex") !== sha256) throw other(url, "bytes with another hash");
}

const away = (url: string, why: string): Failure =>
  new Failure("update.fetch", `${url} cannot be fetched: ${why}; it is tried again`, {
    retry: "later",
  });

const other = (url: string, what: string): Failure => {
  const message = `${url} holds ${what}: not the file that the ledger states`;
  return new Failure("update.fetched", message, { retry: "later" });
};
