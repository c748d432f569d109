import { hash } from "node:crypto";
import type { StatePath } from "@busbar/protocol";
import { type Hash, hashBytes, inFours, lay, wordsOf, zero } from "./node-hash.ts";

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
    const fresh = new Fresh();
    const root = change(this.#root, { list, from: 0, to: list.length }, 0, fresh);
    hashLeaves(list);
    fresh.hash();
    return new StateTree(root);
  }

  /** 32 bytes. */
  get root(): Uint8Array {
    return hashBytes(this.#root);
  }

  /** The path of a key: proves its value, or that it has none. */
  prove(key: string): StatePath {
    const name = keyHash(key);
    const siblings: Uint8Array[] = [];
    let node = this.#root;
    while (node !== undefined && "left" in node) {
      const right = bit(name, siblings.length) === 1;
      siblings.push(hashBytes(right ? node.left : node.right));
      node = right ? node.right : node.left;
    }
    if (node === undefined || node.key === name) return { siblings };
    return { siblings, other: { key: textBytes(node.key), value: textBytes(node.value) } };
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
    const leaf = leafNamed(keyHash(key), value);
    this.#leaves[leaf.key.charCodeAt(0)]?.push(leaf);
  }

  /** Builds one part more, after the last entry was added; the tree once all are built. */
  step(): StateTree | undefined {
    const fresh = new Fresh();
    const list = this.#leaves[this.#built.length];
    if (list !== undefined) {
      list.sort((a, b) => (a.key < b.key ? -1 : 1));
      this.#built.push(build({ list, from: 0, to: list.length }, partDepth, fresh));
      hashLeaves(list);
      fresh.hash();
      list.length = 0;
      return undefined;
    }
    let nodes = this.#built;
    for (let depth = partDepth - 1; depth >= 0; depth--) {
      nodes = Array.from({ length: nodes.length / 2 }, (_, i) =>
        fresh.join(nodes[2 * i], nodes[2 * i + 1], depth),
      );
    }
    fresh.hash();
    return StateTree.above(nodes[0]);
  }
}

/** Hashes of key and value are strings of 32 Latin-1 characters, which compare as bytes do. */
type Leaf = Hash & { readonly key: string; readonly value: string };
type Inner = Hash & { readonly left: Node; readonly right: Node };
type Node = Leaf | Inner | undefined;

/** A leaf to set, or a key to delete. */
type Change = Leaf | { readonly key: string; readonly value: undefined };

/** A part of the changes, which are sorted by key. */
type Part = { readonly list: readonly Change[]; readonly from: number; readonly to: number };

function changeOf(key: string, value: Uint8Array | undefined): Change {
  const name = keyHash(key);
  return value === undefined ? { key: name, value } : leafNamed(name, value);
}

/** Its own hash is yet to be made. */
function leafNamed(key: string, value: Uint8Array): Leaf {
  return { ...zero, key, value: hash("sha256", value, "binary") };
}

/** The inner nodes that an update makes, by their depth: they are hashed from below, four at a time. */
class Fresh {
  readonly #levels: Inner[][] = [];

  /** A lone leaf rises to where it stands alone; that is what makes the tree compact. */
  join(left: Node, right: Node, depth: number): Node {
    if (left === undefined && (right === undefined || !("left" in right))) return right;
    if (right === undefined && left !== undefined && !("left" in left)) return left;
    const node = { ...zero, left, right };
    const level = this.#levels[depth];
    if (level === undefined) this.#levels[depth] = [node];
    else level.push(node);
    return node;
  }

  hash(): void {
    for (let depth = this.#levels.length - 1; depth >= 0; depth--) {
      inFours(this.#levels[depth] ?? [], ({ left, right }, lane) => {
        lay(lane, 1, left ?? zero, right ?? zero);
      });
    }
  }
}

/** The part belongs wholly under `node`. */
function change(node: Node, { list, from, to }: Part, depth: number, fresh: Fresh): Node {
  if (from === to) return node;
  if (node !== undefined && "left" in node) {
    const split = splitAt(list, from, to, depth);
    const left = change(node.left, { list, from, to: split }, depth + 1, fresh);
    const right = change(node.right, { list, from: split, to }, depth + 1, fresh);
    return left === node.left && right === node.right ? node : fresh.join(left, right, depth);
  }
  const leaves: Leaf[] = [];
  let isNamed = node === undefined;
  for (let i = from; i < to; i++) {
    const entry = list[i] as Change;
    if (node !== undefined && !isNamed) {
      if (node.key < entry.key) leaves.push(node);
      isNamed = node.key <= entry.key;
    }
    if (entry.value !== undefined) leaves.push(entry);
  }
  if (node !== undefined && !isNamed) leaves.push(node);
  return build({ list: leaves, from: 0, to: leaves.length }, depth, fresh);
}

function build(
  { list, from, to }: Part & { readonly list: readonly Leaf[] },
  depth: number,
  fresh: Fresh,
): Node {
  if (to - from < 2) return to === from ? undefined : list[from];
  const split = splitAt(list, from, to, depth);
  const left = build({ list, from, to: split }, depth + 1, fresh);
  return fresh.join(left, build({ list, from: split, to }, depth + 1, fresh), depth);
}

/** Where those begin, of the sorted entries, that go right at this depth. */
function splitAt(list: readonly Change[], from: number, to: number, depth: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bit(list[middle]?.key ?? "", depth) === 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function bit(name: string, depth: number): number {
  return (name.charCodeAt(depth >> 3) >> (7 - (depth & 7))) & 1;
}

function keyHash(key: string): string {
  return hash("sha256", key, "binary");
}

function hashLeaves(list: readonly Change[]): void {
  const leaves = list.filter((entry): entry is Leaf => entry.value !== undefined);
  inFours(leaves, ({ key, value }, lane) => lay(lane, 0, wordsOf(key), wordsOf(value)));
}

function textBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
