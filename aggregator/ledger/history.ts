import { type BlockHistory, blockHistoryKey, MerkleFrontier } from "@busbar/protocol";
import { blockHistory } from "@busbar/protocol/schema";
import { sha256 } from "./sha256.ts";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

/** `history/blocks` */
const histories = table("history", blockHistory);

/** What the state holds of the tree over the hashes of the blocks before. */
export function historyEntry(state: StateReader): BlockHistory | undefined {
  return histories.get(state, "blocks");
}

/** The tree over the hashes of the blocks before; of none before the first block. */
export function historyOf(state: StateReader): MerkleFrontier {
  const known = historyEntry(state);
  return known === undefined ? new MerkleFrontier(sha256) : MerkleFrontier.restore(known, sha256);
}

/** Appends the hash of the block before; see `blockHistory` for when. Returns what the key holds now. */
export function appendHistory(state: State, previous: Uint8Array): Uint8Array | undefined {
  const frontier = historyOf(state);
  frontier.append(previous);
  histories.set(state, "blocks", { size: frontier.size, peaks: frontier.peaks });
  return state.get(blockHistoryKey);
}
