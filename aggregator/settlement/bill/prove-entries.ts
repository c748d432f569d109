import {
  type BlockHeader,
  blockHash,
  blockHistoryKey,
  compareBytes,
  follows,
  historyRoot,
  nodeHash,
} from "@busbar/protocol";
import { historyEntry } from "../../ledger/history.ts";
import { sha256 } from "../../ledger/sha256.ts";
import { emptyState, Overlay } from "../../ledger/state/overlay.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import type { EarlierBlock, Evidence, ProvedEntry } from "./evidence.ts";
import { BillError } from "./grounds.ts";
import { leafWay, ProvedNodes, stateWay } from "./proved-nodes.ts";

/**
 * The entries of the state that lead to its certified root, and the keys that are proved to hold nothing.
 * Throws: `BillError` `bill.state`.
 */
export function proveState({ head, entries }: Evidence): {
  readonly state: Overlay;
  readonly absent: ReadonlySet<string>;
} {
  const nodes = new ProvedNodes(head.header.appHash);
  const state = new Overlay(emptyState);
  const absent = new Set<string>();
  for (const entry of entries) {
    const { key, value, depth, path } = entry;
    const name = sha256(Buffer.from(key));
    const end = endOf(entry, name);
    if (end === undefined || !nodes.prove(end, stateWay(name, depth), path)) {
      const message = `the path of ${key} does not lead to the certified state`;
      throw new BillError("bill.state", message, { key });
    }
    if (value === undefined) absent.add(key);
    else state.set(key, value);
  }
  return { state, absent };
}

/** The node at the lower end of an entry's way; undefined where the entry contradicts itself. */
function endOf({ value, other }: ProvedEntry, name: Uint8Array): Uint8Array | undefined {
  if (value !== undefined)
    return other === undefined ? nodeHash(0, name, sha256(value)) : undefined;
  if (other === undefined) return new Uint8Array(32);
  const key = other.subarray(0, 32);
  // The way follows the bits of the absent key, so that only a leaf in its place is met by it.
  return compareBytes(key, name) === 0 ? undefined : nodeHash(0, key, other.subarray(32));
}

/**
 * The headers of the certified block and of all earlier ones of the evidence, which the certified state's history
 * of blocks holds: whoever certified that state vouches for them, as their own signers do.
 * Throws: `BillError` `bill.incomplete`, `bill.history`.
 */
export function proveBlocks(
  { head, blocks, frames }: Evidence,
  state: StateReader,
): readonly BlockHeader[] {
  if (blocks.length === 0) return [head.header];
  const history = historyEntry(state);
  if (history === undefined) {
    throw new BillError("bill.incomplete", `${blockHistoryKey} is not proved`, "all");
  }
  const { size } = history;
  const nodes = new ProvedNodes(historyRoot(history));
  for (const [i, block] of blocks.entries()) {
    if (isEarlier(block, { head: head.header, nodes, size })) continue;
    const on = frames.flatMap((frame, at) => (frame.block === i + 1 ? [at] : []));
    const message = `block ${block.header.height} is not of this chain`;
    throw new BillError("bill.history", message, on.length === 0 ? "all" : { frames: on });
  }
  return [head.header, ...blocks.map(({ header }) => header)];
}

function isEarlier(
  { header, links = [], index, path }: EarlierBlock,
  {
    head,
    nodes,
    size,
  }: { readonly head: BlockHeader; readonly nodes: ProvedNodes; readonly size: number },
): boolean {
  let last = header;
  for (const next of links) {
    if (!follows(last, next)) return false;
    last = next;
  }
  if (index === undefined) return path.length === 0 && follows(last, head);
  if (index >= size) return false;
  const leaf = new Uint8Array(33);
  leaf.set(blockHash(last), 1);
  return nodes.prove(sha256(leaf), leafWay(index, size), path);
}
