import {
  createPrivateKey,
  createPublicKey,
  sign as cryptoSign,
  verify as cryptoVerify,
  KeyObject,
  randomBytes,
} from "node:crypto";
import { checkPublicKey, checkSignature } from "../ed25519/encoding.ts";

/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 raw bytes (RFC 8410 §4). */
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex");

/** PKCS #8 of an Ed25519 key up to its 32-byte seed (RFC 8410 §7). */
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * Imported public keys kept at once. Importing takes a third of the time of verifying, so a site's
 * devices, owners and members should all fit; the limit keeps a stranger who shows a new key with
 * every message from filling the memory.
 */
export const cachedKeysMax = 4096;

/** By raw key as latin1 text; a Map iterates in insertion order, so the first is the oldest. */
const cachedKeys = new Map<string, KeyObject>();

/**
 * Verifies by the one rule of all members (`../ed25519/pure.ts` states it): after the byte filter
 * OpenSSL's cofactorless equation gives the same answer. Without it not even two versions of Node
 * agree: newer ones refuse small-order points, Node 20 takes them (nodejs/node#64026). Never throws.
 */
export function verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (checkSignature(signature) !== undefined || checkPublicKey(publicKey) !== undefined) {
    return false;
  }
  return cryptoVerify(null, message, cachedKey(publicKey), signature);
}

/** Signs as RFC 8032 §5.1.6. Keep the `KeyObject` where many messages are signed: a seed is imported at each call. */
export function sign(message: Uint8Array, key: KeyObject | Uint8Array): Uint8Array {
  const privateKey = key instanceof KeyObject ? key : privateKeyFromSeed(key);
  return new Uint8Array(cryptoSign(null, message, privateKey));
}

/** A fresh key pair: the 32-byte seed is the secret. */
export function generateKey(): { seed: Uint8Array; publicKey: Uint8Array } {
  const seed = new Uint8Array(randomBytes(32));
  return { seed, publicKey: publicKeyFromSeed(seed) };
}

/** Imports a 32-byte seed. Throws: node:crypto's error for another length. */
export function privateKeyFromSeed(seed: Uint8Array): KeyObject {
  const key = Buffer.concat([privatePrefix, seed]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** Imports a 32-byte public key. Throws: node:crypto's error for another length. */
export function publicKeyFromRaw(raw: Uint8Array): KeyObject {
  const key = Buffer.concat([publicPrefix, raw]);
  return createPublicKey({ key, format: "der", type: "spki" });
}

/** The 32-byte public key of a 32-byte seed (RFC 8032 §5.1.5). */
export function publicKeyFromSeed(seed: Uint8Array): Uint8Array {
  const spki = createPublicKey(privateKeyFromSeed(seed)).export({ format: "der", type: "spki" });
  return new Uint8Array(spki.subarray(publicPrefix.length));
}

/** The least recently used key makes room, so those in daily use stay. */
function cachedKey(raw: Uint8Array): KeyObject {
  const id = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString("latin1");
  const known = cachedKeys.get(id);
  if (known !== undefined) cachedKeys.delete(id);
  const key = known ?? publicKeyFromRaw(raw);
  cachedKeys.set(id, key);
  if (cachedKeys.size > cachedKeysMax) {
    const [oldest] = cachedKeys.keys();
    if (oldest !== undefined) cachedKeys.delete(oldest);
  }
  return key;
}
