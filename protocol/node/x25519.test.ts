import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { boxKeyOf } from "../notice/boxed.ts";
import { boxKeyFromSecret } from "./x25519.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

test("RFC 7748 §6.1: the public keys of Alice and Bob", () => {
  for (const [secret, publicKey] of [
    [
      "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
      "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
    ],
    [
      "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
      "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    ],
  ] as const) {
    assert.deepEqual(boxKeyFromSecret(bytes(secret)), bytes(publicKey));
  }
});

test("OpenSSL and tweetnacl derive one public key from any secret", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (secret) => {
      assert.deepEqual(boxKeyFromSecret(secret), boxKeyOf(secret));
    }),
  );
});
