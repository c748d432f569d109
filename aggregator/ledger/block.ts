import type { BlockHeader, Certificate } from "@busbar/protocol";
import type { LedgerEvent } from "./events.ts";
import type { TxRefusal } from "./rule.ts";

/** What the ledger made of a transaction that stands in a block: only what was taken stands there. */
export type Result = "ok";

/**
 * A block as it was committed. A block holds accepted transactions only, so a proof that a frame
 * stands in a block is a proof that the ledger took it.
 *
 * Shape: `frames`, `hashes` (SHA-256 of each frame), `signers` (ids) and `results` go together by
 * index, and so do `eventCounts`: how many of `events` each brought, in order; what is left at the
 * end is what the ledger did by itself.
 */
export type CommittedBlock = {
  readonly header: BlockHeader;
  readonly hash: Uint8Array;
  readonly certificate: Certificate;
  readonly frames: readonly Uint8Array[];
  readonly hashes: readonly Uint8Array[];
  readonly signers: readonly string[];
  readonly results: readonly Result[];
  readonly eventCounts: readonly number[];
  readonly events: readonly LedgerEvent[];
};

/** A block on its way to the disk, with its events as JSON where they are at hand. */
export type StoredBlock = CommittedBlock & { readonly texts?: readonly string[] };

/** A frame that was in the pool and is in no block: the answer to its sender. `signer` is undefined
 * when the key is nobody's. */
export type RefusedFrame = {
  readonly hash: Uint8Array;
  readonly signer: string | undefined;
  readonly refusal: TxRefusal;
};
