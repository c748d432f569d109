/**
 * Why a message does not reach the ledger's pool: code → the rule that was broken. Besides these,
 * a refusal carries the codes of the protocol's decoders: `cbor.*`, `frame.*`, `envelope.*`,
 * `message.shape`; and, from the ledger, those of its rules.
 */
export const ingestCodes = {
  "ingest.signature": "the message is not signed by its key for this chain and kind",
  "ingest.too-many": "more quotes were handed in by HTTP within a second than are taken; try again",
  "ingest.unknown-key": "the ledger knows no identity with the key that the message names",
  "ingest.wrong-device": "readings stand on the topic of another device than the one that signed",
  "ingest.wrong-kind": "a message of this kind does not belong on this topic",
  "ingest.wrong-label": "a claim stands on the topic of another label than the one that signed",
  "ingest.wrong-member":
    "a transaction stands on the topic of another member than the one that signed",
  "ingest.wrong-signer": "an identity of this sort may not sign a message of this kind",
  "pool.full": "too many messages wait for a block; send it again later",
} as const;

export type IngestCode = keyof typeof ingestCodes;
