import { decodeCbor } from "../cbor/decode.ts";
import { type CborWriter, encodeBy } from "../cbor/encode.ts";
import { CborError, type CborValue } from "../cbor/value.ts";
import type { Refusal } from "../refusal.ts";
import { bytes, int, SchemaError, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { type Receipt, receipt } from "./receipt.ts";
import { type StateProof, stateProof } from "./state-proof.ts";

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

/**
 * What travels on a device's `receipts` topic. A `tip` follows the refusal of a batch that does not
 * continue its meter's chain: it proves where the ledger's chain stands (`verifyMeterTip`). A
 * `council` proves who votes from some height on (`verifyCouncilStep`); it comes before the first
 * receipt of that epoch. A `member` proves a member's entry, and where its broker is (`verifyMemberProof`).
 */
export type Answer =
  | { readonly kind: "receipt"; readonly receipt: Receipt }
  | { readonly kind: "refused"; readonly refused: Refused }
  | { readonly kind: "tip"; readonly tip: StateProof }
  | { readonly kind: "council"; readonly step: StateProof }
  | { readonly kind: "member"; readonly entry: StateProof };

export function encodeAnswer(answer: Answer): Uint8Array {
  return encodeBy((out) => {
    out.list(2);
    out.text(answer.kind);
    writeBody(out, answer);
  });
}

function writeBody(out: CborWriter, answer: Answer): void {
  switch (answer.kind) {
    case "receipt":
      return receipt.write(out, answer.receipt);
    case "refused":
      return refused.write(out, answer.refused);
    case "tip":
      return stateProof.write(out, answer.tip);
    case "council":
      return stateProof.write(out, answer.step);
    case "member":
      return stateProof.write(out, answer.entry);
    default:
      return answer satisfies never;
  }
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
    if (kind === "tip") return { ok: true, answer: { kind, tip: stateProof.decode(body, "tip") } };
    if (kind === "council") {
      return { ok: true, answer: { kind, step: stateProof.decode(body, "council") } };
    }
    if (kind === "member") {
      return { ok: true, answer: { kind, entry: stateProof.decode(body, "member") } };
    }
    const message = "expected a receipt, a refusal, a tip, a council or a member";
    return { ok: false, code: "answer.unknown-kind", message };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `answer: ${error.message}` };
    }
    throw error;
  }
}
