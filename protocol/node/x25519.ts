import { createPrivateKey, createPublicKey } from "node:crypto";

/** PKCS #8 of an X25519 key up to its 32 secret bytes (RFC 8410 §7). */
const privatePrefix = Buffer.from("302e020100300506032b656e04220420", "hex");

/** The 32-byte public key of a 32-byte X25519 secret, as `boxKeyOf` of the notices gives it. */
export function boxKeyFromSecret(secret: Uint8Array): Uint8Array {
  const key = Buffer.concat([privatePrefix, secret]);
  const spki = createPublicKey(createPrivateKey({ key, format: "der", type: "pkcs8" }));
  return new Uint8Array(spki.export({ format: "der", type: "spki" }).subarray(-32));
}
