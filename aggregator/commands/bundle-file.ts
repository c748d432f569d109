import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { Failure, openEnvelope, type ReleaseBundle } from "@busbar/protocol";

const mark = Buffer.from("busbar-bundle 1\n");
const manifestBytesMax = 4096;
const pieceBytes = 1024 * 1024;

/** What a bundle's file is: as the ledger is to know it, and the version that it says it is. */
export type BundleFacts = ReleaseBundle & { readonly version: string };

/**
 * Reads a unit's bundle, as `busbar-edge update make` made it. Whether its signature is one that units
 * trust is theirs to say.
 * Throws: `Failure` `release.bundle` for what is none or is not signed.
 */
export function bundleFacts(path: string): BundleFacts {
  const file = openSync(path, "r");
  try {
    const hash = createHash("sha256");
    const piece = Buffer.allocUnsafe(pieceBytes);
    const head = Buffer.alloc(mark.length + 4 + manifestBytesMax);
    let bytes = 0;
    for (;;) {
      const count = readSync(file, piece);
      if (count === 0) break;
      if (bytes < head.length) piece.copy(head, bytes, 0, count);
      hash.update(piece.subarray(0, count));
      bytes += count;
    }
    const { version, arch } = manifestIn(path, head.subarray(0, Math.min(bytes, head.length)));
    return { version, arch, bytes, sha256: new Uint8Array(hash.digest()) };
  } finally {
    closeSync(file);
  }
}

function manifestIn(path: string, head: Buffer): { version: string; arch: "arm64" | "amd64" } {
  const at = mark.length + 4;
  const length = head.length < at ? 0 : head.readUInt32BE(mark.length);
  const isMarked = head.subarray(0, mark.length).equals(mark);
  if (!isMarked || length === 0 || length > manifestBytesMax || head.length < at + length) {
    throw stop(path, "expected a bundle that busbar-edge update make made");
  }
  const opened = openEnvelope(new Uint8Array(head.subarray(at, at + length)));
  if (!opened.ok) throw stop(path, "nobody signed it; busbar-edge update sign does");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(opened.envelope.payload));
  } catch {
    throw stop(path, "its manifest is no JSON");
  }
  const { version, arch } = Object(value) as Record<string, unknown>;
  if (typeof version !== "string" || (arch !== "arm64" && arch !== "amd64")) {
    throw stop(path, "its manifest names no version and processor");
  }
  return { version, arch };
}

const stop = (path: string, why: string): Failure =>
  new Failure("release.bundle", `${path}: ${why}`, { retry: "never" });
