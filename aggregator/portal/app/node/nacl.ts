import { x25519 } from "@noble/curves/ed25519.js";

/**
 * As much of tweetnacl as the page uses, byte for byte the same: NaCl's secretbox (XSalsa20-Poly1305) and box
 * (its key from X25519, by the curve that the page has anyway). The whole library weighs three times as much, most of
 * it a second Ed25519 and SHA-512.
 */
const tagBytes = 16;

/** σ of Salsa20, "expand 32-byte k", as little-endian words. */
const sigma = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** Columns, then rows of the 4 × 4 words (Bernstein, The Salsa20 family, §4). */
const quarters = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

const shifts = [7, 9, 13, 18] as const;

function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function bytesOf(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => {
    view.setUint32(4 * i, value, true);
  });
  return new Uint8Array(view.buffer);
}

function stateOf(key: Uint8Array, input: readonly number[]): Uint32Array {
  const [k, [s0, s1, s2, s3]] = [words(key), sigma];
  return Uint32Array.of(s0, ...k.slice(0, 4), s1, ...input, s2, ...k.slice(4), s3);
}

/** The 20 rounds, without the addition at the end. */
function rounds(state: Uint32Array): Uint32Array {
  const x = state.slice();
  const at = (i: number) => x[i] as number;
  for (let round = 0; round < 10; round++) {
    for (const quarter of quarters) {
      for (let i = 0; i < 4; i++) {
        const [to, a, b] = [quarter[(i + 1) % 4], quarter[i], quarter[(i + 3) % 4]] as number[];
        const sum = (at(a as number) + at(b as number)) | 0;
        const shift = shifts[i] as number;
        x[to as number] = at(to as number) ^ ((sum << shift) | (sum >>> (32 - shift)));
      }
    }
  }
  return x;
}

function hsalsa20(key: Uint8Array, input: Uint8Array): Uint8Array {
  const x = rounds(stateOf(key, words(input)));
  return bytesOf([0, 5, 10, 15, 6, 7, 8, 9].map((i) => x[i] as number));
}

/** So many bytes of XSalsa20's stream. */
function stream(length: number, nonce: Uint8Array, key: Uint8Array): Uint8Array {
  const subkey = hsalsa20(key, nonce.subarray(0, 16));
  const rest = words(nonce.subarray(16));
  const all = new Uint8Array(Math.ceil(length / 64) * 64);
  for (let block = 0; 64 * block < length; block++) {
    const state = stateOf(subkey, [...rest, block, 0]);
    const sums = Array.from(rounds(state), (word, i) => word + (state[i] as number));
    all.set(bytesOf(sums), 64 * block);
  }
  return all;
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** RFC 8439 §2.5, under a key that is used once. */
function poly1305(message: Uint8Array, key: Uint8Array): Uint8Array {
  const r = littleEndian(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let i = 0; i < message.length; i += 16) {
    const part = message.subarray(i, i + 16);
    const value = littleEndian(part) | (1n << BigInt(8 * part.length));
    sum = ((sum + value) * r) % ((1n << 130n) - 5n);
  }
  const tag = sum + littleEndian(key.subarray(16, 32));
  return Uint8Array.from({ length: tagBytes }, (_, i) => Number((tag >> BigInt(8 * i)) & 0xffn));
}

function expect(name: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new Error(`${name}: expected ${length} bytes`);
}

/** The stream's first 32 bytes are the tag's key; what follows them hides the text. */
function opened(nonce: Uint8Array, key: Uint8Array, text: Uint8Array) {
  expect("nonce", nonce, 24);
  expect("key", key, 32);
  const pad = stream(32 + text.length, nonce, key);
  return { tagKey: pad.subarray(0, 32), other: text.map((byte, i) => byte ^ (pad[32 + i] ?? 0)) };
}

function secretbox(plain: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array {
  const { tagKey, other } = opened(nonce, key, plain);
  const box = new Uint8Array(tagBytes + other.length);
  box.set(poly1305(other, tagKey));
  box.set(other, tagBytes);
  return box;
}

secretbox.open = (box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array | null => {
  if (box.length < tagBytes) return null;
  const hidden = box.subarray(tagBytes);
  const { tagKey, other } = opened(nonce, key, hidden);
  const differs = poly1305(hidden, tagKey).reduce(
    (all, byte, i) => all | (byte ^ (box[i] ?? 0)),
    0,
  );
  return differs === 0 ? other : null;
};

const none = new Uint8Array(16);

/** Throws: `Error` for a key of a small group, with which everybody shares one secret. */
function shared(publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return hsalsa20(x25519.getSharedSecret(secretKey, publicKey), none);
}

function box(plain: Uint8Array, nonce: Uint8Array, publicKey: Uint8Array, secretKey: Uint8Array) {
  return secretbox(plain, nonce, shared(publicKey, secretKey));
}

box.open = (
  sealed: Uint8Array,
  nonce: Uint8Array,
  publicKey: Uint8Array,
  secretKey: Uint8Array,
) => {
  let key: Uint8Array;
  try {
    key = shared(publicKey, secretKey);
  } catch {
    // Its sender's key is none: nobody who could be meant has sealed this.
    return null;
  }
  return secretbox.open(sealed, nonce, key);
};

box.keyPair = {
  fromSecretKey: (secretKey: Uint8Array) => ({
    publicKey: x25519.getPublicKey(secretKey),
    secretKey,
  }),
};

export default { box, secretbox };
