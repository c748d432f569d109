import assert from "node:assert/strict";
import { openFrame, type Signer, sealFrame } from "@busbar/protocol";
import { sha256 } from "../ledger/sha256.ts";
import type { DurablePool } from "./durable-pool.ts";
import type { Deviating, Evidence } from "./pbft/ports.ts";

type Parts = {
  readonly pool: DurablePool;
  readonly member: { readonly id: string; readonly chain: string; readonly signer: Signer };
};

/**
 * Brings a lie that a member can prove before the ledger. It is on disk when this returns: the liar
 * need not say it again. False: it cannot be kept now. Throws: `Failure` `store.write`.
 */
export function accuse({ first, second }: Evidence, { pool, member }: Parts): boolean {
  return keep(sealFrame("evidence", { member: member.id, first, second }, member), pool);
}

/** The same for a member that signed another result of a block than the quorum's. */
export function nameDeviation({ vote, certified }: Deviating, { pool, member }: Parts): boolean {
  const message = {
    member: member.id,
    from: vote.from,
    header: vote.header,
    signature: vote.signature,
    certified: certified.header,
    certificate: certified.certificate,
  };
  return keep(sealFrame("deviation", message, member), pool);
}

function keep(bytes: Uint8Array, pool: DurablePool): boolean {
  const opened = openFrame(bytes);
  assert(opened.ok, "what was sealed here can be opened");
  return pool.keep(opened.frame.bytes, sha256(opened.frame.bytes));
}
