import { id } from "../messages/id.ts";
import { instant } from "../messages/readings.ts";
import { array, bytes, encodeAs, int, type TypeOf } from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";
import { sha256 } from "../sha256.ts";

const most = Number.MAX_SAFE_INTEGER;

/**
 * A block's header. Its roots and hashes are those *after* the block ran, so one certificate proves
 * transactions, their results and the whole state.
 */
export const blockHeader = record("block-header", {
  chain: field(1, id),
  height: field(2, int(1, most)),
  time: field(3, instant),
  previous: field(4, bytes(32)),
  txRoot: field(5, bytes(32)),
  resultsRoot: field(6, bytes(32)),
  appHash: field(7, bytes(32)),
  validatorsHash: field(8, bytes(32)),
  proposer: field(9, id),
  view: field(10, int(0, most)),
});

export type BlockHeader = TypeOf<typeof blockHeader>;

/** One member's signature over a header, under the domain kind `block`. */
export const certificateVote = record("certificate-vote", {
  kid: field(1, bytes(20)),
  signature: field(2, bytes(64)),
});

/** Signatures of different members over one header, sorted by key id. */
export const certificate = array(certificateVote, 1, 128);

export type CertificateVote = TypeOf<typeof certificateVote>;
export type Certificate = TypeOf<typeof certificate>;

/** The bytes that members sign. */
export function encodeHeader(header: BlockHeader): Uint8Array {
  return encodeAs(blockHeader, header);
}

/** SHA-256 of the header's encoding: the block's name and the next block's `previous`. */
export function blockHash(header: BlockHeader): Uint8Array {
  return sha256(encodeHeader(header));
}
