import { compareBytes } from "../cbor/value.ts";
import { sha256 } from "../sha256.ts";

/** SHA-256; on Node a caller may hand in node:crypto's, which is faster. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** A leaf given as its content or, where the content is elsewhere, as its hash. */
export type InclusionClaim = ({ readonly leaf: Uint8Array } | { readonly leafHash: Uint8Array }) & {
  readonly index: number;
  readonly size: number;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
};

/** That the tree of `oldSize` leaves is the beginning of the tree of `newSize` leaves. */
export type ConsistencyClaim = {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
};

/** Merkle tree hash of a list of leaves (RFC 6962 §2.1); of none, SHA-256 of nothing. */
export function merkleRoot(leaves: readonly Uint8Array[], hash: Sha256 = sha256): Uint8Array {
  return levelsOf(leaves, hash).at(-1)?.[0] ?? hash(new Uint8Array());
}

/** Audit path of one leaf, from the leaf upwards (RFC 6962 §2.1.1). Throws: RangeError for no such leaf. */
export function inclusionProof(
  leaves: readonly Uint8Array[],
  index: number,
  hash: Sha256 = sha256,
): Uint8Array[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= leaves.length) {
    throw new RangeError(`expected a leaf index below ${leaves.length}, got ${index}`);
  }
  return climb(levelsOf(leaves, hash), 0, index);
}

/** The audit paths of all leaves; hashes the tree once, where a block answers each transaction. */
export function inclusionProofs(
  leaves: readonly Uint8Array[],
  hash: Sha256 = sha256,
): Uint8Array[][] {
  const levels = levelsOf(leaves, hash);
  return leaves.map((_, index) => climb(levels, 0, index));
}

/**
 * Proof that the first `oldSize` leaves are a tree that this one extends (RFC 6962 §2.1.2); empty
 * for an `oldSize` of 0 or of all leaves. Throws: RangeError for a size beyond the leaves.
 */
export function consistencyProof(
  leaves: readonly Uint8Array[],
  oldSize: number,
  hash: Sha256 = sha256,
): Uint8Array[] {
  if (!Number.isSafeInteger(oldSize) || oldSize < 0 || oldSize > leaves.length) {
    throw new RangeError(`expected a size up to ${leaves.length}, got ${oldSize}`);
  }
  if (oldSize === 0 || oldSize === leaves.length) return [];
  const levels = levelsOf(leaves, hash);
  // The largest full subtree that ends with the old tree's last leaf: a node in both trees.
  let [level, node] = [0, oldSize - 1];
  while (node % 2 === 1) [level, node] = [level + 1, half(node)];
  const shared = levels[level]?.[node];
  // Where that subtree is the whole old tree, the verifier knows its hash: the old root.
  const start = node === 0 || shared === undefined ? [] : [shared];
  return [...start, ...climb(levels, level, node)];
}

/** Whether the leaf stands at `index` of the tree with that root (RFC 9162 §2.1.3.2). Never throws. */
export function verifyInclusion(claim: InclusionClaim, hash: Sha256 = sha256): boolean {
  const { index, size, proof, root } = claim;
  if (!isSize(index) || !isSize(size) || index >= size) return false;
  let result = "leaf" in claim ? hashLeaf(claim.leaf, hash) : claim.leafHash;
  if (!isHash(result)) return false;
  const path = new Path(index, size - 1);
  for (const sibling of proof) {
    if (path.ended || !isHash(sibling)) return false;
    result = path.up() ? hashNode(sibling, result, hash) : hashNode(result, sibling, hash);
  }
  return path.ended && compareBytes(result, root) === 0;
}

/**
 * Whether the new tree extends the old one (RFC 9162 §2.1.4.2). Never throws. An empty old tree is
 * the beginning of any tree, two trees of one size must be the same: both with an empty proof.
 */
export function verifyConsistency(claim: ConsistencyClaim, hash: Sha256 = sha256): boolean {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim;
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize) return false;
  if (!isHash(oldRoot) || !isHash(newRoot)) return false;
  if (oldSize === newSize) return proof.length === 0 && compareBytes(oldRoot, newRoot) === 0;
  if (oldSize === 0) {
    return proof.length === 0 && compareBytes(oldRoot, hash(new Uint8Array())) === 0;
  }
  const path = new Path(oldSize - 1, newSize - 1);
  path.skipFull();
  // A full old tree is itself the first shared node, and its root is not sent.
  const [first, ...rest] = path.atLeftEdge ? [oldRoot, ...proof] : proof;
  if (!isHash(first)) return false;
  let [old, result] = [first, first];
  for (const sibling of rest) {
    if (path.ended || !isHash(sibling)) return false;
    if (path.up()) {
      old = hashNode(sibling, old, hash);
      result = hashNode(sibling, result, hash);
    } else {
      result = hashNode(result, sibling, hash);
    }
  }
  return path.ended && compareBytes(old, oldRoot) === 0 && compareBytes(result, newRoot) === 0;
}

/** A tree that only grows: keeps the roots of its full subtrees, at most one per bit of its size. */
export class MerkleFrontier {
  #size = 0;
  /** Largest subtree first: one for each bit that is set in the size. */
  #peaks: Uint8Array[] = [];
  readonly #hash: Sha256;

  constructor(hash: Sha256 = sha256) {
    this.#hash = hash;
  }

  /** Continues from a stored `size` and `peaks`. Throws: RangeError where they do not fit together. */
  static restore(
    { size, peaks }: { readonly size: number; readonly peaks: readonly Uint8Array[] },
    hash: Sha256 = sha256,
  ): MerkleFrontier {
    const count = isSize(size) ? size.toString(2).replaceAll("0", "").length : Number.NaN;
    if (peaks.length !== count || !peaks.every(isHash)) {
      throw new RangeError(`expected ${count} hashes of 32 bytes for the size ${size}`);
    }
    const frontier = new MerkleFrontier(hash);
    frontier.#size = size;
    frontier.#peaks = [...peaks];
    return frontier;
  }

  get size(): number {
    return this.#size;
  }

  get peaks(): readonly Uint8Array[] {
    return [...this.#peaks];
  }

  append(leaf: Uint8Array): void {
    let node = hashLeaf(leaf, this.#hash);
    // Binary counting: each trailing one of the size is a full subtree that the new one completes.
    for (let rest = this.#size; rest % 2 === 1; rest = half(rest)) {
      const left = this.#peaks.pop();
      if (left !== undefined) node = hashNode(left, node, this.#hash);
    }
    this.#peaks.push(node);
    this.#size += 1;
  }

  /** The same as `merkleRoot` of all leaves so far. */
  root(): Uint8Array {
    const { length } = this.#peaks;
    if (length === 0) return this.#hash(new Uint8Array());
    return this.#peaks.reduceRight((right, left) => hashNode(left, right, this.#hash));
  }
}

/**
 * The verifier's way up from one node to the root (fn and sn of RFC 9162): the node's and the last
 * node's number, level by level. Halves by division, since sizes may pass 2³¹.
 */
class Path {
  #node: number;
  #last: number;

  constructor(node: number, last: number) {
    this.#node = node;
    this.#last = last;
  }

  get ended(): boolean {
    return this.#last === 0;
  }

  get atLeftEdge(): boolean {
    return this.#node === 0;
  }

  /** Goes over the next sibling; true where that stands on the left. */
  up(): boolean {
    const left = this.#node % 2 === 1 || this.#node === this.#last;
    // A last node without a sibling moves up unhashed until it has one on its left.
    while (left && this.#node % 2 === 0 && this.#node !== 0) this.#halve();
    this.#halve();
    return left;
  }

  /** Goes up while the node is a right child, to the largest full subtree that ends here. */
  skipFull(): void {
    while (this.#node % 2 === 1) this.#halve();
  }

  #halve(): void {
    this.#node = half(this.#node);
    this.#last = half(this.#last);
  }
}

/**
 * All nodes, leaves first; the last of an odd number moves up unhashed, which makes the tree of
 * RFC 6962 §2.1 ("k is the largest power of two smaller than n") without recursion.
 */
function levelsOf(leaves: readonly Uint8Array[], hash: Sha256): Uint8Array[][] {
  let level = leaves.map((leaf) => hashLeaf(leaf, hash));
  const levels = [level];
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left !== undefined) next.push(right === undefined ? left : hashNode(left, right, hash));
    }
    levels.push(next);
    level = next;
  }
  return levels;
}

/** The siblings on the way from a node to the root. */
function climb(levels: readonly Uint8Array[][], level: number, node: number): Uint8Array[] {
  let at = node;
  const siblings: Uint8Array[] = [];
  for (const nodes of levels.slice(level)) {
    const sibling = nodes[at % 2 === 1 ? at - 1 : at + 1];
    if (sibling !== undefined) siblings.push(sibling);
    at = half(at);
  }
  return siblings;
}

/** RFC 6962 §2.1: the prefix keeps a node from being passed off as a leaf. */
function hashLeaf(leaf: Uint8Array, hash: Sha256): Uint8Array {
  const bytes = new Uint8Array(1 + leaf.length);
  bytes.set(leaf, 1);
  return hash(bytes);
}

function hashNode(left: Uint8Array, right: Uint8Array, hash: Sha256): Uint8Array {
  message[0] = 1;
  message.set(left, 1);
  message.set(right, 33);
  return hash(message);
}

/** Written anew for each node: a hash keeps nothing of what it was handed. */
const message = new Uint8Array(65);

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isHash(value: Uint8Array | undefined): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 32;
}

function half(value: number): number {
  return Math.floor(value / 2);
}
