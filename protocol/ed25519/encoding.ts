/** Order of the base point, L = 2²⁵² + 27742317777372353535851937790883648493 (RFC 8032 §5.1). */
const order = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");

/** The field's modulus, p = 2²⁵⁵ − 19 (RFC 8032 §5.1). */
const modulus = fromHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");

/**
 * The y of the eight points whose order divides the cofactor 8; each stands for both signs of x.
 * Their other encodings (y = p, y = p + 1) already fall to `y < p`.
 */
const lowOrderY: readonly Uint8Array[] = [
  "0000000000000000000000000000000000000000000000000000000000000000", // order 4
  "0100000000000000000000000000000000000000000000000000000000000000", // order 1
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
].map(fromHex);

/**
 * Looks at the bytes of an Ed25519 public key; codes `key.length`, `key.canonical`,
 * `key.low-order`. That they are a point of the curve is seen only by the verifier.
 */
export function checkPublicKey(key: Uint8Array): string | undefined {
  if (key.length !== 32) return "key.length";
  const fault = pointFault(key);
  return fault && `key.${fault}`;
}

/**
 * Looks at the bytes of an Ed25519 signature, R ‖ S; codes `signature.length`, `signature.scalar`,
 * `signature.canonical`, `signature.low-order`.
 */
export function checkSignature(signature: Uint8Array): string | undefined {
  if (signature.length !== 64) return "signature.length";
  // RFC 8032 §5.1.7 step 1: S in 0 ≤ S < L; else S + L would be a second signature of the message.
  if (!isBelow(signature.subarray(32), order)) return "signature.scalar";
  const fault = pointFault(signature.subarray(0, 32));
  return fault && `signature.${fault}`;
}

/** Why 32 bytes are no acceptable encoding of a point. */
function pointFault(bytes: Uint8Array): "canonical" | "low-order" | undefined {
  // RFC 8032 §5.1.3 step 1: decoding fails for y ≥ p. The top bit is the sign of x, the other 255
  // are y (§5.1.2).
  if (!isBelow(bytes, modulus, 0x7f)) return "canonical";
  // Beyond RFC 8032: with a small-order A one signature fits many messages, with a small-order R
  // implementations differ. §5.1.3 step 4 (x = 0 with the sign bit set) concerns y = ±1 alone, so
  // it is contained in this.
  return isLowOrder(bytes) ? "low-order" : undefined;
}

function isLowOrder(bytes: Uint8Array): boolean {
  for (const y of lowOrderY) if (isEqual(bytes, y)) return true;
  return false;
}

/** Whether 32 bytes stand for this y, whatever the sign of x. */
function isEqual(bytes: Uint8Array, y: Uint8Array): boolean {
  for (let i = 0; i < 31; i++) if (bytes[i] !== y[i]) return false;
  return ((bytes[31] as number) & 0x7f) === y[31];
}

/**
 * Compares 32-byte little-endian integers, the first one's highest byte masked. Not constant-time:
 * nothing here is secret.
 */
function isBelow(value: Uint8Array, limit: Uint8Array, mask = 0xff): boolean {
  const [high, most] = [(value[31] as number) & mask, limit[31] as number];
  if (high !== most) return high < most;
  for (let i = 30; i >= 0; i--) {
    const [a, b] = [value[i] as number, limit[i] as number];
    if (a !== b) return a < b;
  }
  return false;
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
