import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cachedKeysMax,
  generateKey,
  privateKeyFromSeed,
  publicKeyFromRaw,
  sign,
  verify,
} from "./ed25519.ts";

test("a seed and its imported key sign alike", () => {
  const { seed, publicKey } = generateKey();
  const message = new Uint8Array([1, 2, 3]);
  const signature = sign(message, privateKeyFromSeed(seed));
  assert.deepEqual(sign(message, seed), signature);
  assert(verify(signature, message, publicKey));
  assert.equal(publicKeyFromRaw(publicKey).asymmetricKeyType, "ed25519");
});

test("answers stay right while strangers' keys push known ones out of the cache", () => {
  const { seed, publicKey } = generateKey();
  const message = new Uint8Array([7]);
  const signature = sign(message, seed);
  const strange = new Uint8Array(32);
  for (let i = 0; i < cachedKeysMax + 10; i++) {
    strange.set([i & 0xff, i >> 8, 1]);
    assert(!verify(signature, message, strange));
  }
  assert(verify(signature, message, publicKey));
  assert(verify(signature, message, publicKey));
});

test("a key that the caller overwrites after use does not change the cached one", () => {
  const [a, b] = [generateKey(), generateKey()];
  const message = new Uint8Array([9]);
  const shared = a.publicKey.slice();
  assert(verify(sign(message, a.seed), message, shared));
  shared.set(b.publicKey);
  assert(!verify(sign(message, a.seed), message, shared));
  assert(verify(sign(message, b.seed), message, shared));
  assert(verify(sign(message, a.seed), message, a.publicKey));
});
