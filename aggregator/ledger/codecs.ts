import { type BlockHeader, type Certificate, decodeCbor } from "@busbar/protocol";
import { blockHeader, certificate, encodeAs } from "@busbar/protocol/schema";

/** Throws: `CborError`, `SchemaError` for bytes that are no header. */
export function decodeHeader(data: Uint8Array): BlockHeader {
  return blockHeader.decode(decodeCbor(data), "header");
}

/** The certificate's form in the store; no bytes where another engine keeps the proof. */
export function encodeCertificate(votes: Certificate): Uint8Array {
  if (votes.length === 0) return new Uint8Array();
  return encodeAs(certificate, votes);
}

/** Throws: `CborError`, `SchemaError` for bytes that are no certificate. */
export function decodeCertificate(data: Uint8Array): Certificate {
  if (data.length === 0) return [];
  return certificate.decode(decodeCbor(data), "certificate");
}
