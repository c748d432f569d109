import nacl from "tweetnacl";
import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import type { Refusal } from "../refusal.ts";
import { bytes, encodeAs, SchemaError } from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";

/** A notice only its owner can read: a tweetnacl box from a key that is used once. */
export const boxed = record("boxed", {
  from: field(1, bytes(32)),
  nonce: field(2, bytes(24)),
  box: field(3, bytes(16, 12_000)),
});

/**
 * Encrypts a notice to an owner's X25519 key. `random(n)` gives n random bytes; a fresh sender key
 * for each notice keeps old notices closed when an aggregator's disk is stolen.
 */
export function boxNotice(
  plain: Uint8Array,
  ownerKey: Uint8Array,
  random: (count: number) => Uint8Array,
): Uint8Array {
  const sender = nacl.box.keyPair.fromSecretKey(random(32));
  const nonce = random(24);
  const box = nacl.box(plain, nonce, ownerKey, sender.secretKey);
  return encodeAs(boxed, { from: sender.publicKey, nonce, box });
}

/** Opens a notice with the owner's secret key; codes `cbor.*`, `message.shape`, `notice.not-for-us`. */
export function openNotice(
  data: Uint8Array,
  secretKey: Uint8Array,
): { ok: true; plain: Uint8Array } | Refusal {
  try {
    const { from, nonce, box } = boxed.decode(decodeCbor(data), "");
    const plain = nacl.box.open(box, nonce, from, secretKey);
    if (plain === null) {
      return {
        ok: false,
        code: "notice.not-for-us",
        message: "the notice does not open with this key: it is for another owner, or was changed",
      };
    }
    return { ok: true, plain };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `notice: ${error.message}` };
    }
    throw error;
  }
}

/** The X25519 public key of a secret key. */
export function boxKeyOf(secretKey: Uint8Array): Uint8Array {
  return nacl.box.keyPair.fromSecretKey(secretKey).publicKey;
}
