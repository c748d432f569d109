import {
  decodeAnswer,
  decodeReceipt,
  encodeAnswer,
  type Receipt,
  type StateProof,
} from "@busbar/protocol";

/**
 * What proves that a batch is on the ledger, as it lies in the journal: its receipt, or a proof of
 * where the ledger's chain of the meter stands behind it, where nobody has the block any more.
 */
export type LedgerProof =
  | { readonly kind: "receipt"; readonly receipt: Receipt }
  | { readonly kind: "tip"; readonly tip: StateProof };

/** A tip's proof as the journal keeps it in a receipt's place. */
export function encodeTip(tip: StateProof): Uint8Array {
  return encodeAnswer({ kind: "tip", tip });
}

/** Undefined for bytes that are neither. */
export function decodeLedgerProof(bytes: Uint8Array): LedgerProof | undefined {
  const receipt = decodeReceipt(bytes);
  if (receipt.ok) return { kind: "receipt", receipt: receipt.receipt };
  const answer = decodeAnswer(bytes);
  return answer.ok && answer.answer.kind === "tip" ? answer.answer : undefined;
}

/** Site ms of the block that it rests on. */
export function timeOf(proof: LedgerProof): number {
  return (proof.kind === "receipt" ? proof.receipt : proof.tip).header.time;
}
