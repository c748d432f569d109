import { concatBytes } from "@noble/hashes/utils.js";
import { sha256 } from "../sha256.ts";

/** COSE algorithm number of Ed25519 (RFC 9864 §2.2). */
export const algorithmEd25519 = -19;

/** The id of a key: the first 20 bytes of SHA-256 over one algorithm byte and the raw public key. */
export function keyId(publicKey: Uint8Array): Uint8Array {
  const algorithm = Uint8Array.of(algorithmEd25519 & 0xff);
  return sha256(concatBytes(algorithm, publicKey)).slice(0, 20);
}
