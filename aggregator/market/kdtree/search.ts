import { nobody, type Part } from "./part.ts";

/** A point that was found: `squared` is the square of its Euclidean distance. */
export type Neighbour = { readonly id: number; readonly squared: number };

/** What narrows a search: only points that `accept` takes, and none beyond the squared distance `within`. */
export type SearchLimits = {
  readonly accept?: (id: number) => boolean;
  readonly within?: number;
};

/** A tree of 2³² points is not deeper, and one branch of each level waits at most. */
const depthMax = 40;

/**
 * One search after the other, with arrays that outlive them: nearer boxes first, farther ones wait on
 * a stack until something in them can still be wanted.
 */
export class Search {
  readonly #query: Float64Array;
  readonly #nodes = new Uint32Array(depthMax);
  readonly #bounds = new Float64Array(depthMax);
  /** The best few so far, best first. */
  #ids = new Uint32Array(1);
  #squared = new Float64Array(1);
  #size = 0;
  #most = 0;
  /** What a further point has to come before. */
  #worst = 0;
  #worstId = nobody;
  #accept: SearchLimits["accept"];

  constructor(dimension: number) {
    this.#query = new Float64Array(dimension);
  }

  /** Throws: `RangeError` for a coordinate that is not finite, or a limit that is no number. */
  begin(
    point: ArrayLike<number>,
    most: number,
    { accept, within = Number.POSITIVE_INFINITY }: SearchLimits,
  ): void {
    const query = this.#query;
    for (let i = 0; i < query.length; i += 1) {
      const x = point[i];
      if (x === undefined || x - x !== 0) {
        throw new RangeError(`coordinate ${i}: expected a finite number, got ${x}`);
      }
      query[i] = x;
    }
    if (Number.isNaN(within)) throw new RangeError("within: expected a number, got NaN");
    if (most > this.#ids.length) {
      this.#ids = new Uint32Array(most);
      this.#squared = new Float64Array(most);
    }
    this.#size = 0;
    this.#most = most;
    this.#worst = most === 0 ? Number.NEGATIVE_INFINITY : within;
    this.#worstId = nobody;
    this.#accept = accept;
  }

  get found(): number {
    return this.#size;
  }

  at(i: number): Neighbour {
    return { id: this.#ids[i] ?? 0, squared: this.#squared[i] ?? 0 };
  }

  /** Enters what belongs among the best. */
  visit(part: Part): void {
    if (this.#query.length === 2) this.#visitInPlane(part);
    else this.#visit(part);
  }

  #visit(part: Part): void {
    const { leaves, least, boxes } = part;
    const query = this.#query;
    const nodes = this.#nodes;
    const bounds = this.#bounds;
    let top = 0;
    let node = 0;
    let squared = boundOf(boxes, 0, query);
    for (;;) {
      let wanted = this.#wants(squared, least[node] ?? nobody);
      while (wanted && node < leaves - 1) {
        const left = 2 * node + 1;
        const toLeft = boundOf(boxes, left, query);
        const toRight = boundOf(boxes, left + 1, query);
        const leftId = least[left] ?? nobody;
        const rightId = least[left + 1] ?? nobody;
        // Among equally near boxes the smallest id first: a crowd of equal points then costs one descent.
        if (toLeft < toRight || (toLeft === toRight && leftId < rightId)) {
          if (this.#wants(toRight, rightId)) {
            nodes[top] = left + 1;
            bounds[top] = toRight;
            top += 1;
          }
          node = left;
          squared = toLeft;
          wanted = this.#wants(toLeft, leftId);
        } else {
          if (this.#wants(toLeft, leftId)) {
            nodes[top] = left;
            bounds[top] = toLeft;
            top += 1;
          }
          node = left + 1;
          squared = toRight;
          wanted = this.#wants(toRight, rightId);
        }
      }
      if (wanted) this.#scan(part, node - leaves + 1);
      if (top === 0) return;
      top -= 1;
      node = nodes[top] ?? 0;
      squared = bounds[top] ?? 0;
    }
  }

  /** The same for two dimensions, which most searches have. */
  #visitInPlane(part: Part): void {
    const { leaves, least, boxes } = part;
    const x = this.#query[0] ?? 0;
    const y = this.#query[1] ?? 0;
    const nodes = this.#nodes;
    const bounds = this.#bounds;
    let top = 0;
    let node = 0;
    let squared = boundInPlane(boxes, 0, x, y);
    for (;;) {
      let wanted = this.#wants(squared, least[node] ?? nobody);
      while (wanted && node < leaves - 1) {
        const left = 2 * node + 1;
        const toLeft = boundInPlane(boxes, left, x, y);
        const toRight = boundInPlane(boxes, left + 1, x, y);
        const leftId = least[left] ?? nobody;
        const rightId = least[left + 1] ?? nobody;
        if (toLeft < toRight || (toLeft === toRight && leftId < rightId)) {
          if (this.#wants(toRight, rightId)) {
            nodes[top] = left + 1;
            bounds[top] = toRight;
            top += 1;
          }
          node = left;
          squared = toLeft;
          wanted = this.#wants(toLeft, leftId);
        } else {
          if (this.#wants(toLeft, leftId)) {
            nodes[top] = left;
            bounds[top] = toLeft;
            top += 1;
          }
          node = left + 1;
          squared = toRight;
          wanted = this.#wants(toRight, rightId);
        }
      }
      if (wanted) this.#scanInPlane(part, node - leaves + 1);
      if (top === 0) return;
      top -= 1;
      node = nodes[top] ?? 0;
      squared = bounds[top] ?? 0;
    }
  }

  #wants(squared: number, id: number): boolean {
    return squared < this.#worst || (squared === this.#worst && id < this.#worstId);
  }

  #scan({ starts, counts, coordinates, ids }: Part, leaf: number): void {
    const query = this.#query;
    const dimension = query.length;
    const start = starts[leaf] ?? 0;
    const end = start + (counts[leaf] ?? 0);
    for (let row = start, at = start * dimension; row < end; row += 1) {
      let squared = 0;
      for (let i = 0; i < dimension; i += 1, at += 1) {
        const difference = (coordinates[at] ?? 0) - (query[i] ?? 0);
        squared += difference * difference;
      }
      if (squared <= this.#worst) this.#meet(ids[row] ?? nobody, squared);
    }
  }

  #scanInPlane({ starts, counts, coordinates, ids }: Part, leaf: number): void {
    const [x, y] = [this.#query[0] ?? 0, this.#query[1] ?? 0];
    const start = starts[leaf] ?? 0;
    const end = start + (counts[leaf] ?? 0);
    for (let row = start; row < end; row += 1) {
      const dx = (coordinates[2 * row] ?? 0) - x;
      const dy = (coordinates[2 * row + 1] ?? 0) - y;
      const squared = dx * dx + dy * dy;
      if (squared <= this.#worst) this.#meet(ids[row] ?? nobody, squared);
    }
  }

  /** Enters a point if it belongs among the best and is accepted. */
  #meet(id: number, squared: number): void {
    if (!this.#wants(squared, id)) return;
    const accept = this.#accept;
    if (accept !== undefined && !accept(id)) return;
    const [ids, distances, most] = [this.#ids, this.#squared, this.#most];
    let at = this.#size < most ? this.#size : most - 1;
    for (; at > 0; at -= 1) {
      const before = distances[at - 1] ?? 0;
      const beforeId = ids[at - 1] ?? 0;
      if (before < squared || (before === squared && beforeId < id)) break;
      distances[at] = before;
      ids[at] = beforeId;
    }
    distances[at] = squared;
    ids[at] = id;
    if (this.#size < most) this.#size += 1;
    if (this.#size === most) {
      this.#worst = distances[most - 1] ?? 0;
      this.#worstId = ids[most - 1] ?? 0;
    }
  }
}

/** Squared distance from the query to a node's box; infinite where nothing is left in it. */
function boundOf(boxes: Float64Array, node: number, query: Float64Array): number {
  const dimension = query.length;
  const low = node * 2 * dimension;
  const high = low + dimension;
  let sum = 0;
  for (let i = 0; i < dimension; i += 1) {
    const q = query[i] ?? 0;
    const below = (boxes[low + i] ?? 0) - q;
    const above = q - (boxes[high + i] ?? 0);
    if (below > 0) sum += below * below;
    else if (above > 0) sum += above * above;
  }
  return sum;
}

function boundInPlane(boxes: Float64Array, node: number, x: number, y: number): number {
  const box = 4 * node;
  const left = (boxes[box] ?? 0) - x;
  const right = x - (boxes[box + 2] ?? 0);
  const below = (boxes[box + 1] ?? 0) - y;
  const above = y - (boxes[box + 3] ?? 0);
  const dx = left > 0 ? left : right > 0 ? right : 0;
  const dy = below > 0 ? below : above > 0 ? above : 0;
  return dx * dx + dy * dy;
}
