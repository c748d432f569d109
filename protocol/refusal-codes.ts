/**
 * Every code that the protocol itself refuses with: code → what is wrong. A code is never renamed
 * and never means anything else. Those of broker, ingest and ledger are catalogued where they arise.
 */
export const protocolCodes = {
  "answer.unknown-kind": "an answer is a receipt, a refusal or a tip, and nothing else",
  "cbor.depth": "nested deeper than any message is",
  "cbor.head": "a longer head than needed, an indefinite length, or a reserved head",
  "cbor.integer": "a number that is no integer below 2⁵³",
  "cbor.key": "a map key that is no integer, text or byte string",
  "cbor.key-order": "map keys that are not sorted, or stand twice",
  "cbor.key-twice": "a map to be encoded holds the same key twice",
  "cbor.short": "the bytes end before the data item does",
  "cbor.text": "text that is not valid Unicode",
  "cbor.trailing": "bytes behind the end of the data item",
  "cbor.type": "a type that the wire does not carry: floats, undefined, other simple values",
  "certificate.quorum": "fewer members signed than bind the consortium",
  "certificate.signature": "a member's signature does not fit the header",
  "envelope.form": "not a COSE_Sign1 of four parts with tag 18",
  "envelope.header": "a protected header other than the one for Ed25519 and a key id",
  "envelope.signature-length": "an Ed25519 signature has 64 bytes",
  "envelope.unprotected": "the unprotected header holds something",
  "frame.form": "not a kind and an envelope",
  "frame.too-large": "more bytes than a frame may have",
  "frame.unknown-kind": "no message has this kind",
  "key.canonical": "a public key in an encoding that is not its only one",
  "key.length": "an Ed25519 public key has 32 bytes",
  "key.low-order": "a public key for which anybody can sign",
  "message.shape": "a field is missing, unknown, or not what its message says",
  "notice.not-for-us": "a box that this key does not open",
  "proof.chain": "a proof of another chain",
  "proof.key": "a proof of another entry than a meter's state",
  "proof.path": "the path does not lead from the entry to the state",
  "receipt.chain": "a receipt of another chain",
  "receipt.inclusion": "the proof does not lead from the transaction to the block",
  "request.copied-wrong": "a request was copied in part, or with a wrong letter",
  "request.text": "the text is no request of a unit",
  "signature.canonical": "a signature whose R is in an encoding that is not its only one",
  "signature.length": "an Ed25519 signature has 64 bytes",
  "signature.low-order": "a signature whose R has small order",
  "signature.scalar": "a signature whose S is not below the group's order",
} as const;

export type ProtocolCode = keyof typeof protocolCodes;
