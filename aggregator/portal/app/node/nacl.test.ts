import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import nacl from "tweetnacl";
import own from "./nacl.ts";

/** So many bytes, the same in every run. */
const bytes = (name: string, length: number) =>
  new Uint8Array(createHash("shake256", { outputLength: length }).update(name).digest());

const pair = (name: string) => nacl.box.keyPair.fromSecretKey(bytes(name, 32));

test("the page's boxes are tweetnacl's byte for byte, and each opens the other's", () => {
  const [key, nonce, a, b] = [bytes("key", 32), bytes("nonce", 24), pair("a"), pair("b")];
  assert.deepEqual(own.box.keyPair.fromSecretKey(a.secretKey), a);
  for (const length of [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000, 12_000]) {
    const plain = bytes(`plain ${length}`, length);
    const secret = nacl.secretbox(plain, nonce, key);
    assert.deepEqual(own.secretbox(plain, nonce, key), secret);
    assert.deepEqual(own.secretbox.open(secret, nonce, key), plain);
    const box = nacl.box(plain, nonce, b.publicKey, a.secretKey);
    assert.deepEqual(own.box(plain, nonce, b.publicKey, a.secretKey), box);
    assert.deepEqual(own.box.open(box, nonce, a.publicKey, b.secretKey), plain);
  }
  // Sums that wrap around 2¹³⁰ − 5, and words that are all ones.
  const ones = new Uint8Array(200).fill(255);
  const most = ones.subarray(0, 32);
  assert.deepEqual(
    own.secretbox(ones, ones.subarray(0, 24), most),
    nacl.secretbox(ones, ones.subarray(0, 24), most),
  );
});

test("what was changed, cut short or is for another key does not open", () => {
  const [key, nonce] = [bytes("key", 32), bytes("nonce", 24)];
  const [a, b, c] = [pair("a"), pair("b"), pair("c")];
  const secret = own.secretbox(bytes("plain", 40), nonce, key);
  for (let i = 0; i < secret.length; i++) {
    const changed = secret.map((byte, at) => (at === i ? byte ^ 1 : byte));
    assert.equal(own.secretbox.open(changed, nonce, key), null, `byte ${i}`);
  }
  for (const length of [0, 1, 15, 16, secret.length - 1])
    assert.equal(own.secretbox.open(secret.subarray(0, length), nonce, key), null, `${length}`);
  const box = own.box(bytes("plain", 40), nonce, b.publicKey, a.secretKey);
  assert.equal(own.box.open(box, nonce, a.publicKey, c.secretKey), null);
  assert.equal(own.box.open(box, nonce, c.publicKey, b.secretKey), null);
  // With a key of a small group everybody shares one secret.
  const none = new Uint8Array(32);
  assert.equal(own.box.open(box, nonce, none, b.secretKey), null);
  assert.throws(() => own.box(new Uint8Array(4), nonce, none, a.secretKey));
  assert.throws(() => own.secretbox(secret, nonce.subarray(1), key), /nonce: expected 24 bytes/);
  assert.throws(() => own.secretbox.open(secret, nonce, key.subarray(1)), /key: expected 32 bytes/);
});
