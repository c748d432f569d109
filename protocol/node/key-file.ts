import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import type { Signer } from "../envelope/envelope.ts";
import { keyId } from "../envelope/key-id.ts";
import { Failure } from "../failure.ts";
import { privateKeyFromSeed, publicKeyFromSeed, sign } from "./ed25519.ts";
import { boxKeyFromSecret } from "./x25519.ts";

/** Secrets of one identity: an Ed25519 seed to sign with, an X25519 secret to open notices with. */
export type KeyFile = { readonly seed: Uint8Array; readonly box: Uint8Array };

/**
 * Reads a key file, or makes one with fresh keys (mode 0600) where none is.
 * Throws: `Failure` `key.unreadable`, `key.malformed`.
 */
export function openKeyFile(path: string): KeyFile {
  try {
    return readKeyFile(path);
  } catch (error) {
    if (!(error instanceof Failure && error.code === "key.missing")) throw error;
  }
  createKeyFile(path);
  return readKeyFile(path);
}

/** Throws: `Failure` `key.missing`, `key.unreadable`, `key.malformed`. */
export function readKeyFile(path: string): KeyFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const missing = code === "ENOENT";
    const unreadable = `cannot read the key file (${code}); only the user to whom it belongs may`;
    throw new Failure(
      missing ? "key.missing" : "key.unreadable",
      `${path}: ${missing ? "there is no key file here" : unreadable}`,
      { retry: "never", cause },
    );
  }
  const [seed, box] = parse(text);
  if (seed === undefined || box === undefined) {
    throw new Failure(
      "key.malformed",
      `${path}: expected {"seed", "box"}, 32 bytes base64url each`,
      {
        retry: "never",
      },
    );
  }
  return { seed, box };
}

/** Signs with the key file's Ed25519 key. */
export function signerOf({ seed }: KeyFile): Signer {
  const key = privateKeyFromSeed(seed);
  const publicKey = publicKeyFromSeed(seed);
  return { kid: keyId(publicKey), publicKey, sign: (message) => sign(message, key) };
}

/** The public halves: what goes into the registry. */
export function publicKeysOf({ seed, box }: KeyFile): { key: Uint8Array; boxKey: Uint8Array } {
  return { key: publicKeyFromSeed(seed), boxKey: boxKeyFromSecret(box) };
}

/** Written aside, synced and linked into place: a power cut leaves a whole key or none, and of two
 * processes that start at once both end up with the same one. */
function createKeyFile(path: string): void {
  const text = JSON.stringify({
    seed: randomBytes(32).toString("base64url"),
    box: randomBytes(32).toString("base64url"),
  });
  const aside = `${path}.${process.pid}.new`;
  const file = openSync(aside, "wx", 0o600);
  try {
    writeSync(file, `${text}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(aside);
  }
}

function parse(text: string): (Uint8Array | undefined)[] {
  try {
    const { seed, box } = JSON.parse(text) as Record<string, unknown>;
    return [seed, box].map((part) => {
      const bytes = typeof part === "string" ? Buffer.from(part, "base64url") : undefined;
      return bytes?.length === 32 ? new Uint8Array(bytes) : undefined;
    });
  } catch {
    // Text that is no JSON and JSON without the keys are one mistake to the reader: `key.malformed`.
    return [];
  }
}
