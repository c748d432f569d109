import { arrange, type Rows } from "./arrange.ts";

/** Stands for "no point" where an id is expected; above every id. */
export const nobody = 0xffff_ffff;

/** Points in a leaf on average, at most; smaller leaves build slower and search no faster (measured). */
const leafSize = 64;

/**
 * One complete binary tree: node i has the children 2i + 1 and 2i + 2, all leaves are on one level.
 * A point is a row; a leaf owns the rows from `starts[leaf]` on, the first `counts[leaf]` of which are
 * alive.
 */
export class Part implements Rows {
  size: number;
  readonly dimension: number;
  readonly ids: Uint32Array;
  readonly coordinates: Float64Array;
  readonly leaves: number;
  readonly starts: Uint32Array;
  readonly counts: Uint32Array;
  /** Two corners a node: `dimension` lower bounds, then as many upper bounds. */
  readonly boxes: Float64Array;
  /** The smallest id below each node. */
  readonly least: Uint32Array;
  #rows: Map<number, number> | undefined;

  /** Keeps and reorders what it is given. */
  constructor({ dimension, ids, coordinates }: Rows) {
    this.size = ids.length;
    this.dimension = dimension;
    this.ids = ids;
    this.coordinates = coordinates;
    let levels = 0;
    while (2 ** levels * leafSize < ids.length) levels += 1;
    this.leaves = 2 ** levels;
    const { starts, counts } = arrange(this, levels);
    this.starts = starts;
    this.counts = counts;
    this.boxes = new Float64Array((2 * this.leaves - 1) * 2 * dimension);
    this.least = new Uint32Array(2 * this.leaves - 1);
    for (let leaf = 0; leaf < this.leaves; leaf += 1) this.#fitLeaf(leaf);
    for (let node = this.leaves - 2; node >= 0; node -= 1) this.#fitNode(node);
  }

  /** Draws the box of a leaf and finds its smallest id. */
  #fitLeaf(leaf: number): void {
    const { dimension, boxes, coordinates } = this;
    const [start, count] = [this.starts[leaf] ?? 0, this.counts[leaf] ?? 0];
    const node = leaf + this.leaves - 1;
    const box = node * 2 * dimension;
    for (let axis = 0; axis < dimension; axis += 1) {
      let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let row = start; row < start + count; row += 1) {
        const x = coordinates[row * dimension + axis] ?? 0;
        if (x < low) low = x;
        if (x > high) high = x;
      }
      boxes[box + axis] = low;
      boxes[box + dimension + axis] = high;
    }
    let least = nobody;
    for (let row = start; row < start + count; row += 1) {
      const id = this.ids[row] ?? nobody;
      if (id < least) least = id;
    }
    this.least[node] = least;
  }

  /** Joins what is known of a node's children. */
  #fitNode(node: number): void {
    const { dimension, boxes, least } = this;
    const box = node * 2 * dimension;
    const left = (2 * node + 1) * 2 * dimension;
    const right = left + 2 * dimension;
    for (let i = 0; i < dimension; i += 1) {
      boxes[box + i] = Math.min(boxes[left + i] ?? 0, boxes[right + i] ?? 0);
      const high = dimension + i;
      boxes[box + high] = Math.max(boxes[left + high] ?? 0, boxes[right + high] ?? 0);
    }
    least[node] = Math.min(least[2 * node + 1] ?? nobody, least[2 * node + 2] ?? nobody);
  }

  has(id: number): boolean {
    return this.#index().has(id);
  }

  /** The last living row of the leaf takes the place of the removed one; boxes above shrink. */
  remove(id: number): boolean {
    const rows = this.#index();
    const row = rows.get(id);
    if (row === undefined) return false;
    const { dimension, ids, coordinates } = this;
    const leaf = this.#leafOf(row);
    const left = (this.counts[leaf] ?? 0) - 1;
    const last = (this.starts[leaf] ?? 0) + left;
    const lastId = ids[last] ?? nobody;
    coordinates.copyWithin(row * dimension, last * dimension, (last + 1) * dimension);
    ids[row] = lastId;
    rows.set(lastId, row);
    rows.delete(id);
    this.counts[leaf] = left;
    this.size -= 1;
    this.#fitLeaf(leaf);
    for (let node = leaf + this.leaves - 1; node > 0; ) {
      node = (node - 1) >>> 1;
      this.#fitNode(node);
    }
    return true;
  }

  /** Made when first asked for: who only searches does not pay for it. */
  #index(): Map<number, number> {
    if (this.#rows !== undefined) return this.#rows;
    const rows = new Map<number, number>();
    this.#eachRow((row) => rows.set(this.ids[row] ?? nobody, row));
    this.#rows = rows;
    return rows;
  }

  #leafOf(row: number): number {
    let [from, to] = [0, this.leaves];
    while (to - from > 1) {
      const middle = (from + to) >>> 1;
      if ((this.starts[middle] ?? 0) <= row) from = middle;
      else to = middle;
    }
    return from;
  }

  #eachRow(visit: (row: number) => void): void {
    for (let leaf = 0; leaf < this.leaves; leaf += 1) {
      const start = this.starts[leaf] ?? 0;
      const end = start + (this.counts[leaf] ?? 0);
      for (let row = start; row < end; row += 1) visit(row);
    }
  }

  /** Writes the living points into rows from the given one on; returns the row after them. */
  copyTo({ ids, coordinates }: Rows, from: number): number {
    const { dimension } = this;
    let to = from;
    this.#eachRow((row) => {
      ids[to] = this.ids[row] ?? nobody;
      for (let i = 0; i < dimension; i += 1) {
        coordinates[to * dimension + i] = this.coordinates[row * dimension + i] ?? 0;
      }
      to += 1;
    });
    return to;
  }
}

/** One part with the living points of all; a single one is itself. */
export function merge(dimension: number, parts: readonly Part[]): Part {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const ids = new Uint32Array(size);
  const rows = { dimension, ids, coordinates: new Float64Array(size * dimension) };
  let row = 0;
  for (const part of parts) row = part.copyTo(rows, row);
  return new Part(rows);
}
