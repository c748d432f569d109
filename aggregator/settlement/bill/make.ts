import { sha256 } from "../../ledger/sha256.ts";
import type { Bill } from "./document.ts";
import { draftBill } from "./draft.ts";
import type { Evidence } from "./evidence.ts";
import { type Claims, proveGrounds } from "./prove-grounds.ts";

/** The bill that evidence makes, which is checked on the way. Throws: `BillError`. */
export function makeBill(evidence: Evidence, encoded: string, claims: Claims): Bill {
  const draft = draftBill(proveGrounds(evidence, claims));
  const { blocks, frames, entries } = evidence;
  const digest = Buffer.from(sha256(Buffer.from(encoded))).toString("hex");
  const counts = { blocks: 1 + blocks.length, frames: frames.length, entries: entries.length };
  return { ...draft, proofs: { ...counts, sha256: digest } };
}
