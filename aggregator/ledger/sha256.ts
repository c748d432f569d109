import { hash } from "node:crypto";

/** SHA-256 by Node, several times faster than the pure one. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash("sha256", bytes, "buffer"));
}
