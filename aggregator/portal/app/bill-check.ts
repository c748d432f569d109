import { verifyPure } from "@busbar/protocol/ed25519";
import { type CheckedBill, checkBill } from "../../settlement/bill/check.ts";
import type { BillFault, BillFile } from "../../settlement/bill/document.ts";
import type { Pinned } from "./trust.ts";

/**
 * Makes a bill anew from its evidence, by the ledger's own rules and against the pinned members alone.
 */
export function check(file: BillFile, { membership }: Pinned): CheckedBill | BillFault {
  return checkBill(file, { pinned: membership, verify: verifyPure });
}
