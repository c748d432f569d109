import { sha256 as pure } from "@noble/hashes/sha2.js";

/** Without an import of it, which a browser's bundle could not follow. */
const node = globalThis.process?.getBuiltinModule?.("node:crypto");

/** SHA-256: Node's own where this runs in Node, which needs no compiler to be quick; else @noble/hashes. */
export const sha256: (bytes: Uint8Array) => Uint8Array =
  node?.hash === undefined ? pure : (bytes) => new Uint8Array(node.hash("sha256", bytes, "buffer"));
