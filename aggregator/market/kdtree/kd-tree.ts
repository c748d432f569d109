/**
 * A k-d tree: the nearest of many points, in any dimension.
 *
 * Points are halved along their widest axis into leaves of a few points; every node knows the box
 * around its points and the smallest id in it. A box bounds a distance by the same operations in the
 * same order as the distance itself is computed, and rounding is monotone: so a bound is never above
 * the distance it stands for, and answers are those of brute force to the last bit. Neighbours are
 * ordered by squared distance, then by id; whatever the tree's history, the answer is the same.
 *
 * Insertion is Bentley & Saxe's logarithmic method ("Decomposable searching problems I", 1980): a few
 * trees of falling size, the smaller ones rebuilt into one.
 */

/** A point that was found: `squared` is the square of its Euclidean distance. */
export type Neighbour = { readonly id: number; readonly squared: number };

/** What narrows a search: only points that `accept` takes, and none beyond the squared distance `within`. */
export type SearchLimits = {
  readonly accept?: (id: number) => boolean;
  readonly within?: number;
};

/**
 * Points to begin with: `coordinates` holds one point after the other, `ids` one id a point (by
 * default 0, 1, 2 …).
 *
 * Shape: dimension ≥ 1; coordinates finite; ids distinct integers, 0 … 2³² − 2.
 */
export type KdPoints = {
  readonly dimension: number;
  readonly coordinates?: ArrayLike<number>;
  readonly ids?: ArrayLike<number>;
};

/** Larger leaves build faster and search slower; measured on 10⁶ points in 2-D and 4-D. */
const leafSize = 64;
/** Stands for "no point" where an id is expected; above every id. */
const nobody = 0xffff_ffff;

/** A set of points with ids, searched by nearness; built in O(n log n). */
export class KdTree {
  readonly dimension: number;
  /** Falling sizes: each part held more points than all later ones when it was last built. */
  #parts: Part[];

  /** Throws: `RangeError` for points that are not as `KdPoints` says. */
  constructor({ dimension, coordinates = [], ids }: KdPoints) {
    if (!Number.isSafeInteger(dimension) || dimension < 1) {
      throw new RangeError(`dimension: expected an integer ≥ 1, got ${dimension}`);
    }
    this.dimension = dimension;
    const count = coordinates.length / dimension;
    if (!Number.isInteger(count) || (ids !== undefined && ids.length !== count)) {
      throw new RangeError(
        `expected ${dimension} coordinates and one id a point, got ${coordinates.length} and ${ids?.length}`,
      );
    }
    const given = ids === undefined ? numbered(count) : idsOf(ids);
    this.#parts = count === 0 ? [] : [new Part(dimension, given, finite(coordinates))];
  }

  /** How many points there are. */
  get size(): number {
    return this.#parts.reduce((sum, part) => sum + part.size, 0);
  }

  /** Whether a point has this id. The first such question after a build costs O(n). */
  has(id: number): boolean {
    return this.#parts.some((part) => part.has(id));
  }

  /** Adds a point, in O(log² n) on average. Throws: `RangeError` when the id is taken or the shape is wrong. */
  insert(id: number, point: ArrayLike<number>): void {
    const [ids, coordinates] = [idsOf([id]), finite(this.#shaped(point))];
    if (this.has(id)) throw new RangeError(`id ${id}: expected a new one, but a point has it`);
    const merged = [new Part(this.dimension, ids, coordinates)];
    let size = 1;
    for (let last = this.#parts.at(-1); last !== undefined && last.size <= size; ) {
      merged.push(last);
      size += last.size;
      this.#parts.pop();
      last = this.#parts.at(-1);
    }
    this.#parts.push(merge(this.dimension, merged));
  }

  /** Takes a point out, in O(log n); says whether it was there. */
  remove(id: number): boolean {
    const part = this.#parts.find((candidate) => candidate.remove(id));
    if (part?.size === 0) this.#parts = this.#parts.filter((candidate) => candidate !== part);
    return part !== undefined;
  }

  /** The nearest point, of equally near ones that with the smallest id. Throws: `RangeError` as `nearestMany`. */
  nearest(point: ArrayLike<number>, limits: SearchLimits = {}): Neighbour | undefined {
    const best = this.#search(point, 1, limits);
    return best.size === 0 ? undefined : best.at(0);
  }

  /**
   * The `most` nearest points, nearest first, equally near ones by id. `accept` is asked only about
   * points that would be among them. For tens of neighbours: a point costs O(most) to enter the list.
   *
   * Throws: `RangeError` for a point of another dimension or with a coordinate that is not finite, or
   * when `most` is not an integer ≥ 0.
   */
  nearestMany(point: ArrayLike<number>, most: number, limits: SearchLimits = {}): Neighbour[] {
    const best = this.#search(point, most, limits);
    return Array.from({ length: best.size }, (_, i) => best.at(i));
  }

  #search(point: ArrayLike<number>, most: number, { accept, within = Infinity }: SearchLimits) {
    if (!Number.isSafeInteger(most) || most < 0) {
      throw new RangeError(`neighbours: expected an integer ≥ 0, got ${most}`);
    }
    const query = finite(this.#shaped(point));
    const best = new Best(most === 1 ? 1 : Math.min(most, this.size), within);
    for (const part of this.#parts) part.search(query, best, accept);
    return best;
  }

  #shaped(point: ArrayLike<number>): ArrayLike<number> {
    if (point.length === this.dimension) return point;
    throw new RangeError(`expected ${this.dimension} coordinates, got ${point.length}`);
  }
}

/** A copy of its own, because building moves points about. */
function finite(coordinates: ArrayLike<number>): Float64Array {
  const own = new Float64Array(coordinates);
  for (let i = 0; i < own.length; i += 1) {
    const x = own[i] ?? 0;
    // Zero for every finite number and NaN else; twice as fast as asking.
    if (x - x !== 0) throw new RangeError(`coordinate ${i}: expected a finite number, got ${x}`);
  }
  return own;
}

function numbered(count: number): Uint32Array {
  const ids = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) ids[i] = i;
  return ids;
}

function idsOf(ids: ArrayLike<number>): Uint32Array {
  const own = new Uint32Array(ids);
  for (let i = 0; i < own.length; i += 1) {
    if (own[i] !== ids[i] || own[i] === nobody) {
      throw new RangeError(`id: expected an integer 0 … 2³² − 2, got ${ids[i]}`);
    }
  }
  const sorted = own.slice().sort();
  for (let i = 1; i < sorted.length; i += 1) {
    if (sorted[i] === sorted[i - 1]) throw new RangeError(`id ${sorted[i]} appears twice`);
  }
  return own;
}

/** The best few so far, best first. */
class Best {
  size = 0;
  /** What a further point has to come before. */
  worst: number;
  worstId: number;
  readonly #ids: Uint32Array;
  readonly #squared: Float64Array;

  constructor(most: number, within: number) {
    this.#ids = new Uint32Array(most);
    this.#squared = new Float64Array(most);
    this.worst = most === 0 ? Number.NEGATIVE_INFINITY : within;
    this.worstId = nobody;
  }

  wants(squared: number, id: number): boolean {
    return squared < this.worst || (squared === this.worst && id < this.worstId);
  }

  /** Only for what it wants. */
  add(id: number, squared: number): void {
    const [ids, distances] = [this.#ids, this.#squared];
    let at = this.size < ids.length ? this.size : ids.length - 1;
    for (; at > 0; at -= 1) {
      const before = distances[at - 1] ?? 0;
      const beforeId = ids[at - 1] ?? 0;
      if (before < squared || (before === squared && beforeId < id)) break;
      distances[at] = before;
      ids[at] = beforeId;
    }
    distances[at] = squared;
    ids[at] = id;
    if (this.size < ids.length) this.size += 1;
    if (this.size === ids.length) {
      this.worst = distances[this.size - 1] ?? 0;
      this.worstId = ids[this.size - 1] ?? 0;
    }
  }

  at(i: number): Neighbour {
    return { id: this.#ids[i] ?? 0, squared: this.#squared[i] ?? 0 };
  }
}

/**
 * One complete binary tree: node i has the children 2i + 1 and 2i + 2, all leaves are on one level.
 * A point is a row of `#coordinates`; a leaf owns the rows from `#starts[leaf]` on, the first
 * `#counts[leaf]` of which are alive.
 */
class Part {
  size: number;
  readonly #dimension: number;
  readonly #ids: Uint32Array;
  readonly #coordinates: Float64Array;
  readonly #leaves: number;
  readonly #starts: Uint32Array;
  readonly #counts: Uint32Array;
  /** Two corners a node: `dimension` lower bounds, then as many upper bounds. */
  readonly #boxes: Float64Array;
  /** The smallest id below each node. */
  readonly #least: Uint32Array;
  #rows: Map<number, number> | undefined;

  /** Keeps and reorders what it is given. */
  constructor(dimension: number, ids: Uint32Array, coordinates: Float64Array) {
    this.size = ids.length;
    this.#dimension = dimension;
    this.#ids = ids;
    this.#coordinates = coordinates;
    let leaves = 1;
    while (leaves * leafSize < ids.length) leaves *= 2;
    this.#leaves = leaves;
    this.#starts = new Uint32Array(leaves);
    this.#counts = new Uint32Array(leaves);
    this.#boxes = new Float64Array((2 * leaves - 1) * 2 * dimension);
    this.#least = new Uint32Array(2 * leaves - 1);
    this.#build(0, 0, ids.length);
  }

  #build(node: number, from: number, to: number): void {
    const leaf = node - this.#leaves + 1;
    if (leaf >= 0) {
      this.#starts[leaf] = from;
      this.#counts[leaf] = to - from;
      this.#fitLeaf(leaf);
      return;
    }
    const middle = (from + to) >>> 1;
    const axis = widestAxis(this.#coordinates, this.#dimension, from, to);
    select(this.#ids, this.#coordinates, this.#dimension, axis, middle, from, to - 1);
    this.#build(2 * node + 1, from, middle);
    this.#build(2 * node + 2, middle, to);
    this.#fitNode(node);
  }

  /** Draws the box of a leaf and finds its smallest id. */
  #fitLeaf(leaf: number): void {
    const [dimension, boxes, coordinates] = [this.#dimension, this.#boxes, this.#coordinates];
    const [start, count] = [this.#starts[leaf] ?? 0, this.#counts[leaf] ?? 0];
    const node = leaf + this.#leaves - 1;
    const box = node * 2 * dimension;
    for (let axis = 0; axis < dimension; axis += 1) {
      let [low, high] = [Infinity, Number.NEGATIVE_INFINITY];
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
      const id = this.#ids[row] ?? nobody;
      if (id < least) least = id;
    }
    this.#least[node] = least;
  }

  /** Joins what is known of a node's children. */
  #fitNode(node: number): void {
    const [dimension, boxes, least] = [this.#dimension, this.#boxes, this.#least];
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

  /** Enters into `best` what belongs there. */
  search(query: Float64Array, best: Best, accept: SearchLimits["accept"]): void {
    if (best.wants(this.#bound(0, query), this.#least[0] ?? nobody))
      this.#visit(0, query, best, accept);
  }

  #visit(node: number, query: Float64Array, best: Best, accept: SearchLimits["accept"]): void {
    if (node >= this.#leaves - 1) {
      this.#scan(node - this.#leaves + 1, query, best, accept);
      return;
    }
    const left = 2 * node + 1;
    const right = left + 1;
    const toLeft = this.#bound(left, query);
    const toRight = this.#bound(right, query);
    const leftId = this.#least[left] ?? nobody;
    const rightId = this.#least[right] ?? nobody;
    // Among equally near boxes the smallest id first: a crowd of equal points then costs one descent.
    if (toLeft < toRight || (toLeft === toRight && leftId < rightId)) {
      if (best.wants(toLeft, leftId)) this.#visit(left, query, best, accept);
      if (best.wants(toRight, rightId)) this.#visit(right, query, best, accept);
    } else {
      if (best.wants(toRight, rightId)) this.#visit(right, query, best, accept);
      if (best.wants(toLeft, leftId)) this.#visit(left, query, best, accept);
    }
  }

  /** Squared distance from the query to a node's box; infinite where nothing is left in it. */
  #bound(node: number, query: Float64Array): number {
    const [dimension, boxes] = [this.#dimension, this.#boxes];
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

  #scan(leaf: number, query: Float64Array, best: Best, accept: SearchLimits["accept"]): void {
    const [dimension, coordinates, ids] = [this.#dimension, this.#coordinates, this.#ids];
    const start = this.#starts[leaf] ?? 0;
    const end = start + (this.#counts[leaf] ?? 0);
    for (let row = start, at = start * dimension; row < end; row += 1) {
      let squared = 0;
      for (let i = 0; i < dimension; i += 1, at += 1) {
        const difference = (coordinates[at] ?? 0) - (query[i] ?? 0);
        squared += difference * difference;
      }
      if (squared > best.worst) continue;
      const id = ids[row] ?? nobody;
      if (best.wants(squared, id) && (accept === undefined || accept(id))) best.add(id, squared);
    }
  }

  has(id: number): boolean {
    return this.#index().has(id);
  }

  /** The last living row of the leaf takes the place of the removed one; boxes above shrink. */
  remove(id: number): boolean {
    const rows = this.#index();
    const row = rows.get(id);
    if (row === undefined) return false;
    const leaf = this.#leafOf(row);
    const left = (this.#counts[leaf] ?? 0) - 1;
    const last = (this.#starts[leaf] ?? 0) + left;
    const [dimension, lastId] = [this.#dimension, this.#ids[last] ?? nobody];
    this.#coordinates.copyWithin(row * dimension, last * dimension, (last + 1) * dimension);
    this.#ids[row] = lastId;
    rows.set(lastId, row);
    rows.delete(id);
    this.#counts[leaf] = left;
    this.size -= 1;
    this.#fitLeaf(leaf);
    for (let node = leaf + this.#leaves - 1; node > 0; ) {
      node = (node - 1) >>> 1;
      this.#fitNode(node);
    }
    return true;
  }

  /** Made when first asked for: who only searches does not pay for it. */
  #index(): Map<number, number> {
    if (this.#rows !== undefined) return this.#rows;
    const rows = new Map<number, number>();
    this.eachRow((row) => rows.set(this.#ids[row] ?? nobody, row));
    this.#rows = rows;
    return rows;
  }

  #leafOf(row: number): number {
    let [from, to] = [0, this.#leaves];
    while (to - from > 1) {
      const middle = (from + to) >>> 1;
      if ((this.#starts[middle] ?? 0) <= row) from = middle;
      else to = middle;
    }
    return from;
  }

  eachRow(visit: (row: number) => void): void {
    for (let leaf = 0; leaf < this.#leaves; leaf += 1) {
      const start = this.#starts[leaf] ?? 0;
      const end = start + (this.#counts[leaf] ?? 0);
      for (let row = start; row < end; row += 1) visit(row);
    }
  }

  /** Writes the living points from the given row on; returns the row after them. */
  copyTo(ids: Uint32Array, coordinates: Float64Array, from: number): number {
    const dimension = this.#dimension;
    let to = from;
    this.eachRow((row) => {
      ids[to] = this.#ids[row] ?? nobody;
      for (let i = 0; i < dimension; i += 1) {
        coordinates[to * dimension + i] = this.#coordinates[row * dimension + i] ?? 0;
      }
      to += 1;
    });
    return to;
  }
}

function merge(dimension: number, parts: readonly Part[]): Part {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const ids = new Uint32Array(size);
  const coordinates = new Float64Array(size * dimension);
  let row = 0;
  for (const part of parts) row = part.copyTo(ids, coordinates, row);
  return new Part(dimension, ids, coordinates);
}

/** How many rows are looked at to choose an axis. Any axis gives right answers. */
const sampleSize = 16;

function widestAxis(
  coordinates: Float64Array,
  dimension: number,
  from: number,
  to: number,
): number {
  const stride = Math.max(1, Math.floor((to - from) / sampleSize));
  let [best, width] = [0, -1];
  for (let axis = 0; axis < dimension; axis += 1) {
    let [low, high] = [Infinity, Number.NEGATIVE_INFINITY];
    for (let row = from; row < to; row += stride) {
      const x = coordinates[row * dimension + axis] ?? 0;
      if (x < low) low = x;
      if (x > high) high = x;
    }
    if (high - low > width) {
      best = axis;
      width = high - low;
    }
  }
  return best;
}

/**
 * Reorders the rows first … last so that none before row k lies above it on the axis and none after
 * it below. Floyd & Rivest's SELECT (CACM 18 (1975) 173): a long range is narrowed by selecting in a
 * sample around k first. Deviation: their ln n and exp are taken from the length of n in bits.
 */
function select(
  ids: Uint32Array,
  coordinates: Float64Array,
  dimension: number,
  axis: number,
  k: number,
  first: number,
  last: number,
): void {
  let left = first;
  let right = last;
  while (left < right) {
    const count = right - left + 1;
    if (count > 600) {
      const bits = 32 - Math.clz32(count);
      const share = (k - left) / count;
      const size = 1 << ((2 * bits) / 3 - 1);
      const spread = Math.sqrt(0.7 * bits * size * (1 - size / count)) / 2;
      const shift = share < 0.5 ? -spread : spread;
      const from = Math.max(left, Math.floor(k - share * size + shift));
      const to = Math.min(right, Math.floor(k + (1 - share) * size + shift));
      select(ids, coordinates, dimension, axis, k, from, to);
    }
    const pivot = coordinates[k * dimension + axis] ?? 0;
    let i = left;
    let j = right;
    // Both scans stop at values equal to the pivot, so that a crowd of equals is halved, too.
    while (i <= j) {
      while ((coordinates[i * dimension + axis] ?? 0) < pivot) i += 1;
      while ((coordinates[j * dimension + axis] ?? 0) > pivot) j -= 1;
      if (i > j) break;
      swap(ids, coordinates, dimension, i, j);
      i += 1;
      j -= 1;
    }
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else return;
  }
}

function swap(
  ids: Uint32Array,
  coordinates: Float64Array,
  dimension: number,
  i: number,
  j: number,
): void {
  const id = ids[i] ?? 0;
  ids[i] = ids[j] ?? 0;
  ids[j] = id;
  for (let a = i * dimension, b = j * dimension, n = dimension; n > 0; a += 1, b += 1, n -= 1) {
    const x = coordinates[a] ?? 0;
    coordinates[a] = coordinates[b] ?? 0;
    coordinates[b] = x;
  }
}
