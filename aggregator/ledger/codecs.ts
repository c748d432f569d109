import {
  type BlockHeader,
  type Certificate,
  decodeCbor,
  encodeCbor,
  idPattern,
  type UtcMs,
} from "@busbar/protocol";
import { array, bytes, type Codec, field, int, record, text } from "@busbar/protocol/schema";

const most = Number.MAX_SAFE_INTEGER;
const id = text(32, idPattern);

/** Reads what `encodeHeader` writes; a test holds the two together. */
export const headerCodec: Codec<BlockHeader> = record("block-header", {
  chain: field(1, id),
  height: field(2, int(1, most)),
  time: field(3, int<UtcMs>(0, most)),
  previous: field(4, bytes(32)),
  txRoot: field(5, bytes(32)),
  resultsRoot: field(6, bytes(32)),
  appHash: field(7, bytes(32)),
  validatorsHash: field(8, bytes(32)),
  proposer: field(9, id),
  view: field(10, int(0, most)),
});

/** Reads what a receipt's certificate is written as. */
export const certificateCodec: Codec<Certificate> = array(
  record("certificate-vote", { kid: field(1, bytes(20)), signature: field(2, bytes(64)) }),
  1,
  128,
);

/** Throws: `CborError`, `SchemaError` for bytes that are no header. */
export function decodeHeader(data: Uint8Array): BlockHeader {
  return headerCodec.decode(decodeCbor(data), "header");
}

/** The certificate's form in the store. */
export function encodeCertificate(certificate: Certificate): Uint8Array {
  return encodeCbor(certificateCodec.encode(certificate));
}

/** Throws: `CborError`, `SchemaError` for bytes that are no certificate. */
export function decodeCertificate(data: Uint8Array): Certificate {
  return certificateCodec.decode(decodeCbor(data), "certificate");
}
