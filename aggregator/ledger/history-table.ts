import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import type { MerkleFrontier } from "@busbar/protocol";
import { sha256 } from "./sha256.ts";

/** A full subtree of the history: over the leaves `index · 2^level` up to the next one's first. */
type Place = { readonly level: number; readonly index: number };

/**
 * The nodes of the tree over block hashes, so that a proof reads O(log n) of them. It follows from the
 * blocks; a member that came by a snapshot begins with the peaks, which is enough for all later leaves.
 */
export class HistoryTable {
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: DatabaseSync) {
    this.#sql = statements(db);
  }

  /** Adds the leaf with which the tree came to `size`: block `height`'s (0 is genesis). */
  append(hash: Uint8Array, { size, height }: { size: number; height: number }): void {
    let index = size - 1;
    this.#sql.addLeaf.run(height, index);
    let node = sha256(Buffer.concat([Uint8Array.of(0), hash]));
    this.#sql.addNode.run(0, index, node);
    for (let level = 0; index % 2 === 1; level++) {
      node = join(this.#node({ level, index: index - 1 }), node);
      index = (index - 1) / 2;
      this.#sql.addNode.run(level + 1, index, node);
    }
  }

  /** Begins anew with what a state knows of the blocks before it. */
  restart({ size, peaks }: Pick<MerkleFrontier, "size" | "peaks">): void {
    this.#sql.clearNodes.run();
    this.#sql.clearLeaves.run();
    let next = 0;
    for (const level of levelsOf(size)) {
      const first = Math.floor(size / 2 ** level) - 1;
      const peak = peaks[next];
      assert(peak !== undefined, "there is a peak for each bit of the size");
      this.#sql.addNode.run(level, first, peak);
      next += 1;
    }
  }

  /** The first leaf of a block at or above `height`; undefined where none is known. */
  leafFrom(height: number): { readonly height: number; readonly index: number } | undefined {
    const row = this.#sql.leaf.get(height);
    return row && { height: Number(row.height), index: Number(row.idx) };
  }

  /** The audit path of a leaf in the tree of `size` leaves (RFC 6962 §2.1.1), from the leaf upwards;
   * undefined where nodes are missing that a snapshot did not bring. */
  path(index: number, size: number): Uint8Array[] | undefined {
    const siblings: Uint8Array[] = [];
    let [from, to] = [0, size];
    while (to - from > 1) {
      const middle = from + largestPowerBelow(to - from);
      const [left, right] = [
        [from, middle],
        [middle, to],
      ] as const;
      const sibling = this.#root(...(index < middle ? right : left));
      if (sibling === undefined) return undefined;
      siblings.push(sibling);
      [from, to] = index < middle ? left : right;
    }
    return siblings.reverse();
  }

  /** Root of the leaves `from … to`, where `from` is a multiple of the power of two that holds them. */
  #root(from: number, to: number): Uint8Array | undefined {
    const level = Math.log2(to - from);
    if (Number.isInteger(level)) return this.#found({ level, index: from / 2 ** level });
    const middle = from + largestPowerBelow(to - from);
    const [left, right] = [this.#root(from, middle), this.#root(middle, to)];
    return left && right && join(left, right);
  }

  #node(place: Place): Uint8Array {
    const hash = this.#found(place);
    assert(hash !== undefined, `the history has node ${place.index} of level ${place.level}`);
    return hash;
  }

  #found({ level, index }: Place): Uint8Array | undefined {
    return this.#sql.node.get(level, index)?.hash as Uint8Array | undefined;
  }
}

function statements(db: DatabaseSync) {
  return {
    node: db.prepare("SELECT hash FROM history_node WHERE level = ? AND idx = ?"),
    addNode: db.prepare("INSERT INTO history_node (level, idx, hash) VALUES (?, ?, ?)"),
    leaf: db.prepare(
      "SELECT height, idx FROM history_leaf WHERE height >= ? ORDER BY height LIMIT 1",
    ),
    addLeaf: db.prepare("INSERT INTO history_leaf (height, idx) VALUES (?, ?)"),
    clearNodes: db.prepare("DELETE FROM history_node"),
    clearLeaves: db.prepare("DELETE FROM history_leaf"),
  };
}

/** The levels of a tree's full subtrees, largest first: the bits of its size. */
function levelsOf(size: number): number[] {
  const bits = [...size.toString(2)].reverse();
  return bits.flatMap((bit, level) => (bit === "1" ? [level] : [])).reverse();
}

function largestPowerBelow(count: number): number {
  return 2 ** (Math.ceil(Math.log2(count)) - 1);
}

function join(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([Uint8Array.of(1), left, right]));
}
