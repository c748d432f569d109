import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { compareBytes } from "../cbor/value.ts";
import { checkPublicKey, checkSignature } from "./encoding.ts";

const { Point } = ed25519;

/**
 * Verifies by the one rule of all members: the byte filter of `encoding.ts`, then [S]B = R + [k]A
 * *without* the cofactor (RFC 8032 §5.1.7 step 3 allows either form). noble's own `verify`
 * multiplies by 8 in both of its modes and so accepts signatures that node:crypto refuses.
 * Never throws. Runs in a browser too.
 */
export function verifyPure(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  if (checkSignature(signature) !== undefined || checkPublicKey(publicKey) !== undefined) {
    return false;
  }
  const a = decodePoint(publicKey);
  if (a === undefined) return false;
  const r = signature.subarray(0, 32);
  // RFC 8032 §5.1.7 step 2: k = SHA-512(R ‖ A ‖ M), little-endian; mod L as OpenSSL does it, which
  // matters for an A with a small-order part.
  const digest = sha512.create().update(r).update(publicKey).update(message).digest();
  const k = Point.Fn.create(littleEndian(digest));
  const s = littleEndian(signature.subarray(32));
  // R is never decoded: only its one canonical encoding can equal these bytes.
  const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes();
  return compareBytes(expected, r) === 0;
}

/** Signs as RFC 8032 §5.1.6, from a 32-byte seed; the same bytes as node:crypto's. */
export function signPure(message: Uint8Array, seed: Uint8Array): Uint8Array {
  return ed25519.sign(message, seed);
}

/** The 32-byte public key of a 32-byte seed (RFC 8032 §5.1.5). */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(seed);
}

function decodePoint(bytes: Uint8Array) {
  try {
    return Point.fromBytes(bytes);
  } catch {
    // About half of all 32-byte strings are no point of the curve; noble says so by throwing.
    return undefined;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}
