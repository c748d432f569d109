import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import type { Verify } from "../envelope/envelope.ts";
import { frameBytesMax } from "../envelope/frame.ts";
import { verifyInclusion } from "../merkle/tree.ts";
import type { Refusal } from "../refusal.ts";
import { array, bytes, encodeAs, int, SchemaError, type TypeOf } from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";
import { type BlockHeader, blockHeader, certificate, encodeHeader } from "./block.ts";
import { type Membership, verifyCertificate } from "./membership.ts";

/**
 * The ledger's answer that a transaction stands in a block: the block's certified header and the
 * transaction's place under its `txRoot`. `frame` is the transaction itself, so that the receipt
 * stands alone.
 */
export const receipt = record("receipt", {
  header: field(1, blockHeader),
  certificate: field(2, certificate),
  index: field(3, int(0, 0xffff_ffff)),
  size: field(4, int(1, 0xffff_ffff)),
  proof: field(5, array(bytes(32), 0, 32)),
  frame: field(6, bytes(1, frameBytesMax)),
});

export type Receipt = TypeOf<typeof receipt>;

export function encodeReceipt(value: Receipt): Uint8Array {
  return encodeAs(receipt, value);
}

/** Codes: `cbor.*`, `message.shape`. */
export function decodeReceipt(data: Uint8Array): { ok: true; receipt: Receipt } | Refusal {
  try {
    return { ok: true, receipt: receipt.decode(decodeCbor(data), "") };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `receipt: ${error.message}` };
    }
    throw error;
  }
}

/**
 * Checks a receipt against the members' keys and nothing else. Pure: the same call in Node, a
 * browser and Node-RED.
 *
 * Codes, in the order of the checks: `receipt.chain`, `receipt.inclusion`, `certificate.signature`,
 * `certificate.quorum`.
 */
export function verifyReceipt(
  { header, certificate, index, size, proof, frame }: Receipt,
  membership: Membership,
  verify: Verify,
): { ok: true; header: BlockHeader; signers: readonly string[] } | Refusal {
  if (header.chain !== membership.chain) {
    return {
      ok: false,
      code: "receipt.chain",
      message: `expected chain ${membership.chain}, got ${header.chain}`,
    };
  }
  if (!verifyInclusion({ leaf: frame, index, size, proof, root: header.txRoot })) {
    return {
      ok: false,
      code: "receipt.inclusion",
      message: `the proof does not lead from transaction ${index} to the root of block ${header.height}`,
    };
  }
  const checked = verifyCertificate(encodeHeader(header), certificate, membership, verify);
  return checked.ok ? { ok: true, header, signers: checked.signers } : checked;
}
