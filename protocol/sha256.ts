import { sha256 as pure } from "@noble/hashes/sha2.js";

/** Without an import of it, which a browser's bundle could not follow. */
const node = globalThis.process?.getBuiltinModule?.("node:crypto");

/** SHA-256: Node's own where this runs in Node, which needs no compiler to be quick; else @noble/hashes. */
export const sha256: (bytes: Uint8Array) => Uint8Array =
  node?.hash === undefined ? pure : (bytes) => fromLatin1(node.hash("sha256", bytes, "binary"));

/** Taken as text, for a buffer of Node's own takes longer to make than the hash. */
function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
