import assert from "node:assert/strict";
import { openFrame, type Signer, sealFrame } from "@busbar/protocol";
import { sha256 } from "../ledger/sha256.ts";
import type { DurablePool } from "./durable-pool.ts";
import type { Evidence } from "./pbft/ports.ts";

/** Brings a lie that a member can prove before the ledger; `failed` says why it cannot now. */
export function accuse(
  { first, second }: Evidence,
  parts: {
    readonly pool: DurablePool;
    readonly member: { readonly id: string; readonly chain: string; readonly signer: Signer };
  },
  failed: (reason: string) => void,
): void {
  const { pool, member } = parts;
  const opened = openFrame(sealFrame("evidence", { member: member.id, first, second }, member));
  assert(opened.ok, "what was sealed here can be opened");
  pool.submit(opened.frame, sha256(opened.frame.bytes)).then(
    (submitted) => submitted.ok || failed(submitted.code),
    () => failed("consensus.evidence-not-stored"),
  );
}
