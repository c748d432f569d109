import type { DatabaseSync } from "node:sqlite";
import {
  compareBytes,
  decodeReceipt,
  type Refusal,
  type StateProof,
  verifyMeterTip,
  verifyReceipt,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { MembershipFile } from "../config/membership-file.ts";
import { decodeLedgerProof } from "../journal/ledger-proof.ts";
import { batchRows, headIn, noteIn } from "../journal/rows.ts";
import type { JournalProblem } from "../journal/verify.ts";
import { Councils } from "../link/councils.ts";

/** Checks what proves each batch of a journal to be on the ledger, against the members' keys. Codes:
 * those of `verifyReceipt` and `verifyMeterTip`, and `receipt.chain-end`. */
export function verifyReceipts(database: DatabaseSync, membership: MembershipFile) {
  const councils = new Councils(membership, { read: (name) => noteIn(database, name), write() {} });
  const problems: JournalProblem[] = [];
  let count = 0;
  for (const row of batchRows(database)) {
    if (row.receipt === null) continue;
    count += 1;
    const [meter, seq, last] = [String(row.meter), Number(row.first), Number(row.last)];
    const proof = decodeLedgerProof(row.receipt as Uint8Array);
    const refusal =
      proof?.kind === "tip"
        ? faultOfTip(database, proof.tip, { meter, last, councils })
        : faultOfReceipt(row.receipt as Uint8Array, councils);
    if (refusal !== undefined) {
      problems.push({ meter, seq, code: refusal.code, message: refusal.message });
    }
  }
  return { count, problems };
}

type Fault = Pick<Refusal, "code" | "message">;

function faultOfReceipt(bytes: Uint8Array, councils: Councils): Fault | undefined {
  const decoded = decodeReceipt(bytes);
  if (!decoded.ok) return decoded;
  const { receipt } = decoded;
  const checked = verifyReceipt(receipt, councils.membershipAt(receipt.header.height), verify);
  return checked.ok ? undefined : checked;
}

/** A tip proves the batch where it is the journal's own chain, at the batch's end or behind it. */
function faultOfTip(
  database: DatabaseSync,
  proof: StateProof,
  about: { readonly meter: string; readonly last: number; readonly councils: Councils },
): Fault | undefined {
  const { meter, last, councils } = about;
  const checked = verifyMeterTip(proof, councils.membershipAt(proof.header.height), verify);
  if (!checked.ok) return checked;
  const { tip } = checked;
  const end = (tip?.state.next ?? 0) - 1;
  const head = headIn(database, meter, end);
  const own = tip?.meter === meter && end >= last && head !== undefined;
  if (own && compareBytes(head, tip.state.head) === 0) return undefined;
  const message = `the proof of the ledger's chain does not hold the batch up to ${last}`;
  return { code: "receipt.chain-end", message };
}
