import { keyId, type Signer } from "@busbar/protocol";
import { publicKeyOf, signPure } from "@busbar/protocol/ed25519";
import { t } from "./language.ts";
import { Watched } from "./store.ts";

/** A key that this page signs with. Only in memory: closing the page forgets it. */
export type PageKey = {
  readonly signer: Signer;
  readonly seed: Uint8Array;
  /** Where it is from. */
  readonly file: string;
};

export const pageKey = new Watched<PageKey | undefined>(undefined);

/** Reads a key file as `busbar-edge enrol` writes it. Throws: `Error` in words for people. */
export async function openKeyFile(file: File): Promise<PageKey> {
  const seed = seedIn(file.size > 4_096 ? "" : await file.text());
  if (seed === undefined) {
    throw new Error(
      t(
        "{file} is no key file: expected JSON with “seed” and “box”, as busbar-edge enrol wrote it.",
        {
          file: file.name,
        },
      ),
    );
  }
  return keyOfSeed(seed, file.name);
}

/** The key of a seed of 32 bytes. */
export function keyOfSeed(seed: Uint8Array, file: string): PageKey {
  const publicKey = publicKeyOf(seed);
  const sign = (message: Uint8Array) => signPure(message, seed);
  return { signer: { kid: keyId(publicKey), publicKey, sign }, seed, file };
}

function seedIn(text: string): Uint8Array | undefined {
  try {
    const { seed } = JSON.parse(text) as { readonly seed?: unknown };
    const bytes = typeof seed === "string" ? fromBase64url(seed) : undefined;
    return bytes?.length === 32 ? bytes : undefined;
  } catch {
    // No JSON, or no base64: to the reader it is one mistake.
    return undefined;
  }
}

export function fromBase64url(text: string): Uint8Array {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

export function toBase64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
