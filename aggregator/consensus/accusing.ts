import assert from "node:assert/strict";
import { openFrame, type Signer, sealFrame } from "@busbar/protocol";
import { sha256 } from "../ledger/sha256.ts";
import type { DurablePool } from "./durable-pool.ts";
import type { Evidence } from "./pbft/ports.ts";

/**
 * Brings a lie that a member can prove before the ledger. It is on disk when this returns: the liar
 * need not say it again. False: it cannot be kept now. Throws: `Failure` `store.write`.
 */
export function accuse(
  { first, second }: Evidence,
  parts: {
    readonly pool: DurablePool;
    readonly member: { readonly id: string; readonly chain: string; readonly signer: Signer };
  },
): boolean {
  const { pool, member } = parts;
  const opened = openFrame(sealFrame("evidence", { member: member.id, first, second }, member));
  assert(opened.ok, "what was sealed here can be opened");
  return pool.keep(opened.frame.bytes, sha256(opened.frame.bytes));
}
