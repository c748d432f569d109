import { decodeCbor } from "../cbor/decode.ts";
import { CborError, compareBytes } from "../cbor/value.ts";
import type { Verify } from "../envelope/envelope.ts";
import { verifyInclusion } from "../merkle/tree.ts";
import type { Refusal } from "../refusal.ts";
import { array, bytes, int, SchemaError, type TypeOf } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { type BlockHeader, blockHash, blockHeader } from "./block.ts";
import { type BlockHistory, blockHistory, blockHistoryKey, historyRoot } from "./block-history.ts";
import type { Membership } from "./membership.ts";
import { stateProof, verifyStateProof } from "./state-proof.ts";

/**
 * A block that another one names. `links`: headers that lead from it, by `previous`, to one that is a
 * leaf of the history (blocks that changed nothing are none); `index` and `proof`: that leaf's place.
 * Without these the links lead to the naming block itself.
 */
export const ancestor = record("ancestor", {
  header: field(1, blockHeader),
  links: field(2, array(blockHeader, 0, 1024)),
  index: optional(3, int(0, Number.MAX_SAFE_INTEGER)),
  proof: field(4, array(bytes(32), 0, 64)),
});

export type Ancestor = TypeOf<typeof ancestor>;

/**
 * That blocks belong to one chain: `head` proves what the state after a certified block says of all
 * blocks before it, and each of `ancestors` stands there. Their own certificates are not needed.
 */
export const consistencyProof = record("consistency-proof", {
  ancestors: field(1, array(ancestor, 1, 16)),
  head: field(2, stateProof),
});

export type ConsistencyProof = TypeOf<typeof consistencyProof>;

/**
 * Checks that all blocks of the proof are of one chain. Codes, in order: `proof.key`, `proof.chain`,
 * `proof.path`, `certificate.*`, `proof.history`, `proof.ancestor`.
 */
export function verifyConsistencyProof(
  { ancestors, head }: ConsistencyProof,
  membership: Membership,
  verify: Verify,
):
  | {
      readonly ok: true;
      readonly signers: readonly string[];
      /** All blocks that were proved, the certified one last. */
      readonly headers: readonly BlockHeader[];
    }
  | Refusal {
  if (head.key !== blockHistoryKey) {
    const message = `expected the state's history of blocks, got ${head.key}`;
    return { ok: false, code: "proof.key", message };
  }
  const checked = verifyStateProof(head, membership, verify);
  if (!checked.ok) return checked;
  const history = historyIn(head.value);
  if (history === undefined) {
    return { ok: false, code: "proof.history", message: "the state holds no history of blocks" };
  }
  for (const one of ancestors) {
    if (isAncestor(one, { history, head: head.header })) continue;
    const message = `block ${one.header.height} is not of the chain of block ${head.header.height}`;
    return { ok: false, code: "proof.ancestor", message };
  }
  const headers = [...ancestors.map(({ header }) => header), head.header];
  return { ...checked, headers };
}

type History = { readonly size: number; readonly root: Uint8Array };

function isAncestor(
  { header, links, index, proof }: Ancestor,
  { history, head }: { readonly history: History; readonly head: BlockHeader },
): boolean {
  let last = header;
  for (const next of links) {
    if (!follows(last, next)) return false;
    last = next;
  }
  if (index === undefined) return proof.length === 0 && follows(last, head);
  // A leaf is a block's hash, which no header can be made to fit: it names its own height.
  const leaf = blockHash(last);
  return last.height < head.height && verifyInclusion({ leaf, index, proof, ...history });
}

/** Whether a block names the one before it. */
export function follows(before: BlockHeader, next: BlockHeader): boolean {
  return next.height === before.height + 1 && compareBytes(next.previous, blockHash(before)) === 0;
}

function historyIn(value: Uint8Array | undefined): History | undefined {
  if (value === undefined) return undefined;
  try {
    const history: BlockHistory = blockHistory.decode(decodeCbor(value), "");
    return { size: history.size, root: historyRoot(history) };
  } catch (error) {
    const unfit =
      error instanceof CborError || error instanceof SchemaError || error instanceof RangeError;
    if (unfit) return undefined;
    throw error;
  }
}
