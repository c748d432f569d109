import { utf8ToBytes } from "@noble/hashes/utils.js";
import { decodeCbor } from "../cbor/decode.ts";
import { encodeCbor } from "../cbor/encode.ts";
import { CborError, type CborValue, compareBytes } from "../cbor/value.ts";
import type { Refusal } from "../refusal.ts";
import { algorithmEd25519, keyId } from "./key-id.ts";

/** CBOR tag of COSE_Sign1 (RFC 9052 §2). */
const tagSign1 = 18;

/** Who signs: the id of the key and the act of signing. The key itself may sit in a secure element. */
export type Signer = {
  readonly kid: Uint8Array;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
};

/** The one Ed25519 rule (`ed25519/`), from node:crypto or from @noble/curves. Never throws. */
export type Verify = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;

/** A parsed COSE_Sign1; nothing in it is proved yet. */
export type Envelope = {
  readonly kid: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
};

/** What a signature is bound to besides its payload. */
export type Domain = { readonly chain: string; readonly kind: string };

/** Signs a payload: `18([<<{1: -19, 4: kid}>>, {}, payload, signature])` (RFC 9052 §4.2). */
export function sealEnvelope(payload: Uint8Array, domain: Domain, signer: Signer): Uint8Array {
  const signature = signer.sign(toBeSigned(payload, signer.kid, domain));
  return encodeCbor({
    tag: tagSign1,
    value: [protectedHeader(signer.kid), new Map(), payload, signature],
  });
}

/** Parses an envelope and checks its form; codes `envelope.*`. The signature is not looked at. */
export function openEnvelope(bytes: Uint8Array): { ok: true; envelope: Envelope } | Refusal {
  let value: CborValue;
  try {
    value = decodeCbor(bytes);
  } catch (error) {
    if (error instanceof CborError) return { ok: false, code: error.code, message: error.message };
    throw error;
  }
  if (!isTagged(value) || value.tag !== tagSign1 || !Array.isArray(value.value)) {
    return refuse("envelope.form", "expected a COSE_Sign1 with tag 18");
  }
  const [header, unprotected, payload, signature, ...more] = value.value as CborValue[];
  if (!(header instanceof Uint8Array) || !(payload instanceof Uint8Array) || more.length > 0) {
    return refuse(
      "envelope.form",
      "expected [protected, {}, payload, signature], payload embedded",
    );
  }
  if (!(unprotected instanceof Map) || unprotected.size > 0) {
    return refuse("envelope.unprotected", "the unprotected header must be the empty map");
  }
  if (!(signature instanceof Uint8Array) || signature.length !== 64) {
    return refuse("envelope.signature-length", "an Ed25519 signature has 64 bytes");
  }
  // The only header ever accepted is the one we would write, so compare instead of interpreting.
  if (header.length !== headerStart.length + 20 || !startsWith(header, headerStart)) {
    return refuse("envelope.header", "the protected header must be exactly {1: -19, 4: 20 bytes}");
  }
  const kid = header.subarray(headerStart.length);
  return { ok: true, envelope: { kid, payload, signature } };
}

/** Whether `publicKey` signed this envelope for this domain. */
export function verifyEnvelope(
  envelope: Envelope,
  domain: Domain,
  publicKey: Uint8Array,
  verify: Verify,
): boolean {
  if (compareBytes(keyId(publicKey), envelope.kid) !== 0) return false;
  const message = toBeSigned(envelope.payload, envelope.kid, domain);
  return verify(envelope.signature, message, publicKey);
}

/** Sig_structure of RFC 9052 §4.4: ["Signature1", protected, external_aad, payload]. */
export function toBeSigned(payload: Uint8Array, kid: Uint8Array, domain: Domain): Uint8Array {
  const aad = utf8ToBytes(`busbar/1/${domain.chain}/${domain.kind}`);
  return encodeCbor(["Signature1", protectedHeader(kid), aad, payload]);
}

/** Of a key's id it is known up to the id; each signature that is made or checked needs one. */
function protectedHeader(kid: Uint8Array): Uint8Array {
  if (kid.length !== kidBytes) return encodedHeader(kid);
  const header = new Uint8Array(headerStart.length + kidBytes);
  header.set(headerStart);
  header.set(kid, headerStart.length);
  return header;
}

function encodedHeader(kid: Uint8Array): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [1, algorithmEd25519],
      [4, kid],
    ]),
  );
}

/** The protected header up to the key's id. */
const kidBytes = 20;
const headerStart = encodedHeader(new Uint8Array(kidBytes)).slice(0, -kidBytes);

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  for (let i = 0; i < start.length; i++) if (bytes[i] !== start[i]) return false;
  return true;
}

function isTagged(value: CborValue): value is { tag: number; value: CborValue } {
  return typeof value === "object" && value !== null && "tag" in value;
}

function refuse(code: string, message: string): Refusal {
  return { ok: false, code, message };
}
