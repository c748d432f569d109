import { MerkleFrontier } from "../merkle/tree.ts";
import { array, bytes, int, type TypeOf } from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";

const most = Number.MAX_SAFE_INTEGER;

/**
 * All earlier blocks in one hash: an RFC 6962 tree over block hashes, kept by the roots of its full
 * subtrees, largest first. Its first leaf is the genesis' hash. A block that changes anything appends
 * the block before it, so the state that its header certifies names every block before it, and
 * whether an old header belongs to the chain is proved by O(log n) hashes. A block that changes
 * nothing appends nothing either: the next one's `previous` vouches for it.
 */
export const blockHistory = record("block-history", {
  size: field(1, int(0, most)),
  peaks: field(2, array(bytes(32), 0, 53)),
});

export type BlockHistory = TypeOf<typeof blockHistory>;

/** The state's key of the history. */
export const blockHistoryKey = "history/blocks";

/** The tree's root. Throws: RangeError where size and peaks do not fit together. */
export function historyRoot(history: BlockHistory): Uint8Array {
  return MerkleFrontier.restore(history).root();
}
