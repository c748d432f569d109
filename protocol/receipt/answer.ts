import { decodeCbor } from "../cbor/decode.ts";
import { encodeCbor } from "../cbor/encode.ts";
import { CborError, type CborValue } from "../cbor/value.ts";
import type { Refusal } from "../refusal.ts";
import { bytes, int, SchemaError, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { type Receipt, receipt } from "./receipt.ts";

/**
 * Why the ledger did not take a message. `ref` is the SHA-256 of the refused bytes. A refusal is not
 * signed and proves nothing: the sender may act on it, but deletes nothing because of it.
 */
export const refused = record("refused", {
  ref: field(1, bytes(32)),
  code: field(2, text(64)),
  message: field(3, text(400)),
  /** The sequence number that the ledger expects next, where it refused one. */
  expected: optional(4, int(1, Number.MAX_SAFE_INTEGER)),
});

export type Refused = TypeOf<typeof refused>;

/** What travels on a device's `receipts` topic. */
export type Answer =
  | { readonly kind: "receipt"; readonly receipt: Receipt }
  | { readonly kind: "refused"; readonly refused: Refused };

export function encodeAnswer(answer: Answer): Uint8Array {
  const body: CborValue =
    answer.kind === "receipt" ? receipt.encode(answer.receipt) : refused.encode(answer.refused);
  return encodeCbor([answer.kind, body]);
}

/** Codes: `cbor.*`, `message.shape`, `answer.unknown-kind`. */
export function decodeAnswer(data: Uint8Array): { ok: true; answer: Answer } | Refusal {
  try {
    const value = decodeCbor(data);
    const [kind, body] = Array.isArray(value) && value.length === 2 ? (value as CborValue[]) : [];
    if (kind === "receipt") {
      return { ok: true, answer: { kind, receipt: receipt.decode(body, "receipt") } };
    }
    if (kind === "refused") {
      return { ok: true, answer: { kind, refused: refused.decode(body, "refused") } };
    }
    return { ok: false, code: "answer.unknown-kind", message: "expected a receipt or a refusal" };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `answer: ${error.message}` };
    }
    throw error;
  }
}
