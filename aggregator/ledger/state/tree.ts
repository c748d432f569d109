import { hash } from "node:crypto";
import type { StatePath } from "@busbar/protocol";

/**
 * The authenticated form of the state: a compact sparse Merkle tree over the bits of SHA-256(key),
 * most significant first.
 *
 *     leaf  = SHA-256(0x00 ‖ SHA-256(key) ‖ SHA-256(value))
 *     inner = SHA-256(0x01 ‖ left ‖ right)
 *     empty = 32 zero bytes
 *
 * A subtree with one entry *is* that leaf, at whatever depth, so the root is a function of the
 * entries alone and not of how they came about. Nodes never change: an update shares what it does
 * not touch, so the tree of a proposed block costs its changed keys and is dropped for nothing.
 */
export class StateTree {
  readonly #root: Node;

  private constructor(root: Node) {
    this.#root = root;
  }

  static readonly empty = new StateTree(undefined);

  /** The tree whose root is a node of this file. */
  static above(root: Node): StateTree {
    return new StateTree(root);
  }

  /** The tree of these entries. */
  static of(entries: Iterable<readonly [string, Uint8Array]>): StateTree {
    return StateTree.empty.update(entries);
  }

  /** The tree after these changes; undefined deletes. A key may be named once. */
  update(changes: Iterable<readonly [string, Uint8Array | undefined]>): StateTree {
    const list: Change[] = [];
    for (const [key, value] of changes) list.push(changeOf(key, value));
    list.sort((a, b) => (a.key < b.key ? -1 : 1));
    return new StateTree(change(this.#root, list, 0));
  }

  /** 32 bytes. */
  get root(): Uint8Array {
    return toBytes(hashOf(this.#root));
  }

  /** The path of a key: proves its value, or that it has none. */
  prove(key: string): StatePath {
    const name = keyHash(key);
    const siblings: Uint8Array[] = [];
    let node = this.#root;
    while (node !== undefined && "left" in node) {
      const right = bit(name, siblings.length) === 1;
      siblings.push(toBytes(hashOf(right ? node.left : node.right)));
      node = right ? node.right : node.left;
    }
    if (node === undefined || node.key === name) return { siblings };
    return { siblings, other: { key: toBytes(node.key), value: toBytes(node.value) } };
  }
}

/** Parts of a tree that are built apart: entries fall into them by the first byte of their key's hash. */
const parts = 256;
const partDepth = 8;

/** A tree of many entries, built some at a time; the same as of all of them at once. */
export class TreeBuilder {
  readonly #leaves: Leaf[][] = Array.from({ length: parts }, () => []);
  readonly #built: Node[] = [];

  /** A key may be added once. */
  add(key: string, value: Uint8Array): void {
    const leaf = leafOf(key, value);
    this.#leaves[leaf.key.charCodeAt(0)]?.push(leaf);
  }

  /** Builds one part more, after the last entry was added; the tree once all are built. */
  step(): StateTree | undefined {
    const leaves = this.#leaves[this.#built.length];
    if (leaves !== undefined) {
      leaves.sort((a, b) => (a.key < b.key ? -1 : 1));
      this.#built.push(build(leaves, partDepth));
      leaves.length = 0;
      return undefined;
    }
    let nodes = this.#built;
    while (nodes.length > 1) {
      nodes = Array.from({ length: nodes.length / 2 }, (_, i) =>
        join(nodes[2 * i], nodes[2 * i + 1]),
      );
    }
    return StateTree.above(nodes[0]);
  }
}

/** Hashes are kept as strings of 32 Latin-1 characters: a third of what byte arrays take. */
type Leaf = { readonly key: string; readonly value: string; readonly hash: string };
type Inner = { readonly left: Node; readonly right: Node; readonly hash: string };
type Node = Leaf | Inner | undefined;

/** A leaf to set, or a key to delete. */
type Change = Leaf | { readonly key: string; readonly hash: undefined };

const emptyHash = "\0".repeat(32);
const scratch = Buffer.alloc(65);

function changeOf(key: string, value: Uint8Array | undefined): Change {
  const name = keyHash(key);
  return value === undefined ? { key: name, hash: undefined } : leafNamed(name, value);
}

function leafOf(key: string, value: Uint8Array): Leaf {
  return leafNamed(keyHash(key), value);
}

function leafNamed(name: string, value: Uint8Array): Leaf {
  const digest = sha256(value);
  return { key: name, value: digest, hash: leafHash(name, digest) };
}

/** `list` is sorted by key and belongs wholly under `node`. */
function change(node: Node, list: readonly Change[], depth: number): Node {
  if (list.length === 0) return node;
  if (node !== undefined && "left" in node) {
    const split = splitAt(list, depth);
    const left = change(node.left, list.slice(0, split), depth + 1);
    const right = change(node.right, list.slice(split), depth + 1);
    return left === node.left && right === node.right ? node : join(left, right);
  }
  const leaves = list.filter((entry): entry is Leaf => entry.hash !== undefined);
  if (node !== undefined && !list.some(({ key }) => key === node.key)) {
    const at = leaves.findIndex(({ key }) => key > node.key);
    leaves.splice(at < 0 ? leaves.length : at, 0, node);
  }
  return build(leaves, depth);
}

function build(leaves: readonly Leaf[], depth: number): Node {
  if (leaves.length < 2) return leaves[0];
  const split = splitAt(leaves, depth);
  return join(build(leaves.slice(0, split), depth + 1), build(leaves.slice(split), depth + 1));
}

/** A lone leaf rises to where it stands alone; that is what makes the tree compact. */
function join(left: Node, right: Node): Node {
  if (left === undefined && (right === undefined || !("left" in right))) return right;
  if (right === undefined && left !== undefined && !("left" in left)) return left;
  return { left, right, hash: innerHash(hashOf(left), hashOf(right)) };
}

/** How many of the sorted entries go left at this depth. */
function splitAt(list: readonly Change[], depth: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bit(list[middle]?.key ?? "", depth) === 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function hashOf(node: Node): string {
  return node === undefined ? emptyHash : node.hash;
}

function bit(name: string, depth: number): number {
  return (name.charCodeAt(depth >> 3) >> (7 - (depth & 7))) & 1;
}

function keyHash(key: string): string {
  return hash("sha256", key, "binary");
}

function sha256(value: Uint8Array): string {
  return hash("sha256", value, "binary");
}

function leafHash(key: string, value: string): string {
  return prefixed(0, key, value);
}

function innerHash(left: string, right: string): string {
  return prefixed(1, left, right);
}

function prefixed(prefix: number, first: string, second: string): string {
  scratch[0] = prefix;
  scratch.write(first, 1, 32, "latin1");
  scratch.write(second, 33, 32, "latin1");
  return hash("sha256", scratch, "binary");
}

function toBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
