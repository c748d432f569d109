import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import fc from "fast-check";
import { generateKey, publicKeyFromSeed, sign, verify } from "../node/ed25519.ts";
import { checkPublicKey, checkSignature } from "./encoding.ts";
import { publicKeyOf, signPure, verifyPure } from "./pure.ts";

const { Point } = ed25519;
const order = Point.Fn.ORDER;

/** Every encoding of the eight small-order points, canonical or not (ZIP 215 decodes all of them). */
const lowOrderEncodings = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
].map(hexToBytes);
const torsion = lowOrderEncodings.map((bytes) => Point.fromBytes(bytes, true));

test("Wycheproof: both verifiers accept the valid and refuse the invalid", () => {
  const vectors = load("wycheproof");
  assert.equal(vectors.length, 151);
  for (const v of vectors) assert.equal(answer(v), v.result === "valid", `${v.id}`);
});

test("speccheck: only the case without small order, foreign encoding or residue passes", () => {
  const vectors = load("speccheck");
  assert.equal(vectors.length, 12);
  // 0–2 small-order A or R; 3 mixed-order A and R that fit without the cofactor; 4–5 fit only with
  // it; 6–7 S ≥ L; 8–9 non-canonical R; 10–11 non-canonical A.
  const accepted = vectors.filter(answer).map((v) => v.id);
  assert.deepEqual(accepted, [3]);
});

test("ZIP 215: none of the 14 × 14 small-order signatures passes, though its rule takes them all", () => {
  const message = utf8ToBytes("Zcash");
  for (const publicKey of lowOrderEncodings) {
    for (const r of lowOrderEncodings) {
      const signature = concatBytes(r, new Uint8Array(32));
      assert.equal(ed25519.verify(signature, message, publicKey, { zip215: true }), true);
      assert.equal(agreed(signature, message, publicKey), false);
    }
  }
});

test("low-order vectors: what passes is what no flag of our rule names", () => {
  const vectors = load("low-order");
  assert.equal(vectors.length, 768);
  const refused = [
    "LowOrderA",
    "LowOrderR",
    "NonCanonicalA",
    "NonCanonicalR",
    "LowOrderResidue", // fits only when multiplied by the cofactor
  ];
  let accepted = 0;
  for (const v of vectors) {
    const flags = v.flags as string[];
    const expected = !flags.some((flag) => refused.includes(flag));
    assert.equal(answer(v), expected, `${v.id} ${flags}`);
    accepted += expected ? 1 : 0;
  }
  // Points with a small-order part pass where the parts cancel, so the equation itself is tested.
  assert.equal(accepted, 43);
});

test("a signature made over the canonical form of a non-canonical A or R is refused", () => {
  const message = utf8ToBytes("re-encoded");
  const foreign = lowOrderEncodings.filter((bytes) => canonical(bytes) !== bytesToHex(bytes));
  assert.equal(foreign.length, 6);
  const a = 0x42n;
  for (const bytes of foreign) {
    const hidden = hexToBytes(canonical(bytes));
    for (const part of torsion) {
      const mixed = Point.BASE.multiply(a).add(part).toBytes();
      const s = scalarBytes((challenge(hidden, mixed, message) * a) % order);
      assert.equal(agreed(concatBytes(bytes, s), message, mixed), false);
      assert.equal(agreed(concatBytes(mixed, scalarBytes(a)), message, bytes), false);
    }
  }
});

test("keys and signatures with small-order parts get one answer: the cofactorless one", () => {
  const scalar = fc.bigInt({ min: 1n, max: order - 1n });
  const part = fc.constantFrom(...torsion);
  fc.assert(
    fc.property(scalar, scalar, part, part, fc.uint8Array(), (a, r, partA, partR, message) => {
      const pointA = Point.BASE.multiply(a).add(partA);
      const pointR = Point.BASE.multiply(r).add(partR);
      const publicKey = pointA.toBytes();
      const k = challenge(pointR.toBytes(), publicKey, message);
      const signature = concatBytes(pointR.toBytes(), scalarBytes((r + k * a) % order));
      const expected = partR.add(partA.multiplyUnsafe(k)).is0();
      assert.equal(agreed(signature, message, publicKey), expected);
    }),
    { numRuns: 100 },
  );
});

test("any flipped bit of signature, message or key is refused by both verifiers", () => {
  const inputs = fc.record({
    seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    message: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    bit: fc.nat(),
  });
  fc.assert(
    fc.property(inputs, ({ seed, message, bit }) => {
      const publicKey = publicKeyOf(seed);
      const signature = signPure(message, seed);
      assert.deepEqual(sign(message, seed), signature);
      assert.deepEqual(publicKeyFromSeed(seed), publicKey);
      assert.equal(agreed(signature, message, publicKey), true);
      assert.equal(agreed(flip(signature, bit), message, publicKey), false);
      assert.equal(agreed(signature, flip(message, bit), publicKey), false);
      assert.equal(agreed(signature, message, flip(publicKey, bit)), false);
    }),
    { numRuns: 60 },
  );
});

test("S + L, the second signature of every message, is refused", () => {
  const { seed, publicKey } = generateKey();
  const message = utf8ToBytes("1 kWh");
  const signature = sign(message, seed);
  const s = littleEndian(signature.subarray(32)) + order;
  const second = concatBytes(signature.subarray(0, 32), scalarBytes(s));
  assert.equal(agreed(second, message, publicKey), false);
  assert.equal(checkSignature(second), "signature.scalar");
});

test("verifying changes no byte of what it is given, be it a Buffer or not", () => {
  const { seed, publicKey } = generateKey();
  const message = utf8ToBytes("reading");
  const signature = sign(message, seed);
  for (const check of [verify, verifyPure]) {
    const given = [signature, message, publicKey].map((bytes) => Buffer.from(bytes));
    const [s = Buffer.alloc(0), m = s, k = s] = given;
    for (let round = 0; round < 3; round++) assert.equal(check(s, m, k), true);
    assert.deepEqual(
      given.map((bytes) => Uint8Array.from(bytes)),
      [signature, message, publicKey],
    );
  }
});

test("garbage of any length is refused without a throw", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 130 }),
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.uint8Array({ minLength: 64, maxLength: 64 }),
  );
  fc.assert(fc.property(bytes, bytes, bytes, (s, m, k) => agreed(s, m, k) === false));
});

test("a 32-byte string that is no point of the curve is refused as a key", () => {
  // y = 2 has no x.
  const publicKey = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 2 : 0));
  assert.throws(() => Point.fromBytes(publicKey));
  assert.equal(checkPublicKey(publicKey), undefined);
  const { seed } = generateKey();
  assert.equal(agreed(sign(publicKey, seed), publicKey, publicKey), false);
});

test("the byte filter names the fault", () => {
  const good = generateKey();
  const signature = sign(new Uint8Array(), good.seed);
  const withR = (r: Uint8Array) => checkSignature(concatBytes(r, signature.subarray(32)));
  assert.equal(checkPublicKey(good.publicKey), undefined);
  assert.equal(checkSignature(signature), undefined);
  assert.equal(checkPublicKey(new Uint8Array(31)), "key.length");
  assert.equal(checkSignature(new Uint8Array(65)), "signature.length");
  for (const bytes of lowOrderEncodings) {
    const beyond = (bytes[31] ?? 0) >= 0x7f && (bytes[0] ?? 0) >= 0xed;
    assert.equal(checkPublicKey(bytes), beyond ? "key.canonical" : "key.low-order");
    assert.equal(withR(bytes), beyond ? "signature.canonical" : "signature.low-order");
  }
  // S = L is the first that is too large, L − 1 the last that is not.
  const withS = (s: bigint) =>
    checkSignature(concatBytes(signature.subarray(0, 32), scalarBytes(s)));
  assert.equal(withS(order), "signature.scalar");
  assert.equal(withS(order - 1n), undefined);
});

/** The one answer of both verifiers. */
function agreed(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  const pure = verifyPure(signature, message, publicKey);
  assert.equal(verify(signature, message, publicKey), pure, "node:crypto and noble differ");
  return pure;
}

type Vector = Readonly<Record<string, unknown>>;

function answer(vector: Vector): boolean {
  const [signature, message, publicKey] = ["signature", "message", "publicKey"].map((name) =>
    hexToBytes(String(vector[name])),
  );
  assert(signature && message && publicKey);
  return agreed(signature, message, publicKey);
}

/** Files hold one row per vector; `fields` names its columns. */
function load(name: string): Vector[] {
  const path = `${import.meta.dirname}/../../test/vectors/ed25519/${name}.json`;
  const { fields, vectors } = JSON.parse(readFileSync(path, "utf8")) as {
    fields: string[];
    vectors: unknown[][];
  };
  return vectors.map((row) => Object.fromEntries(fields.map((field, i) => [field, row[i]])));
}

function canonical(bytes: Uint8Array): string {
  return bytesToHex(Point.fromBytes(bytes, true).toBytes());
}

function challenge(r: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  return littleEndian(sha512(concatBytes(r, publicKey, message))) % order;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes.slice().reverse())}`);
}

function scalarBytes(scalar: bigint): Uint8Array {
  return hexToBytes(scalar.toString(16).padStart(64, "0")).reverse();
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const at = bit % (bytes.length * 8);
  return bytes.map((byte, i) => (i === at >> 3 ? byte ^ (1 << (at & 7)) : byte));
}
