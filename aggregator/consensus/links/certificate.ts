import { sign } from "@busbar/protocol/node";

/**
 * A self-signed X.509 certificate (RFC 5280, RFC 8410) for an Ed25519 key. TLS needs some certificate
 * to carry the key; nobody looks at anything else in it, so everything else is constant: no library's
 * object model is needed for one shape. Written here, read by OpenSSL only.
 * Shape: `seed` and `publicKey` are 32 bytes of one key. Returns DER.
 */
export function selfSigned(key: {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
}): Uint8Array {
  const body = der(
    tag.sequence,
    der(tag.version, der(tag.integer, [2])),
    der(tag.integer, [1]),
    ed25519,
    name,
    der(
      tag.sequence,
      der(tag.utcTime, ascii("000101000000Z")),
      // "No well-defined expiration date" (RFC 5280 §4.1.2.5): the membership says who is one.
      der(tag.generalizedTime, ascii("99991231235959Z")),
    ),
    name,
    der(tag.sequence, ed25519, der(tag.bitString, [0], key.publicKey)),
  );
  const signature = sign(body, key.seed);
  return der(tag.sequence, body, ed25519, der(tag.bitString, [0], signature));
}

const tag = {
  integer: 0x02,
  bitString: 0x03,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
} as const;

const ascii = (text: string) => Buffer.from(text, "ascii");

/** AlgorithmIdentifier of Ed25519: 1.3.101.112, without parameters (RFC 8410 §3). */
const ed25519 = der(tag.sequence, der(tag.objectIdentifier, [0x2b, 0x65, 0x70]));

/** commonName (2.5.4.3) = member. */
const name = der(
  tag.sequence,
  der(
    tag.set,
    der(
      tag.sequence,
      der(tag.objectIdentifier, [0x55, 0x04, 0x03]),
      der(tag.utf8String, ascii("member")),
    ),
  ),
);

/** Tag, length, content; the certificate's parts stay below 64 KiB. */
function der(kind: number, ...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([kind, ...size]), content]);
}
