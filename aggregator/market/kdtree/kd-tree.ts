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

import { merge, nobody, Part } from "./part.ts";
import { type Neighbour, Search, type SearchLimits } from "./search.ts";

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

/** A set of points with ids, searched by nearness; built in O(n log n). */
export class KdTree {
  readonly dimension: number;
  /** Falling sizes: each part held more points than all later ones when it was last built. */
  #parts: Part[];
  /** Kept between searches; a predicate that searches in turn has one of its own. */
  #search: Search | undefined;
  /** Searches with a predicate that are under way. */
  #asking = 0;

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
    this.#parts =
      count === 0 ? [] : [new Part({ dimension, ids: given, coordinates: finite(coordinates) })];
  }

  /** How many points there are. */
  get size(): number {
    return this.#parts.reduce((sum, part) => sum + part.size, 0);
  }

  /** Whether a point has this id. The first such question after a build costs O(n). */
  has(id: number): boolean {
    return this.#parts.some((part) => part.has(id));
  }

  /**
   * Adds a point, in O(log² n) on average. Throws: `RangeError` when the id is taken or the shape is
   * wrong, `Error` from within a search's predicate.
   */
  insert(id: number, point: ArrayLike<number>): void {
    this.#checkStill();
    const [ids, coordinates] = [idsOf([id]), finite(this.#shaped(point))];
    if (this.has(id)) throw new RangeError(`id ${id}: expected a new one, but a point has it`);
    const merged = [new Part({ dimension: this.dimension, ids, coordinates })];
    let size = 1;
    for (let last = this.#parts.at(-1); last !== undefined && last.size <= size; ) {
      merged.push(last);
      size += last.size;
      this.#parts.pop();
      last = this.#parts.at(-1);
    }
    this.#parts.push(merge(this.dimension, merged));
  }

  /** Takes a point out, in O(log n); says whether it was there. Throws: `Error` from within a search's predicate. */
  remove(id: number): boolean {
    this.#checkStill();
    const part = this.#parts.find((candidate) => candidate.remove(id));
    if (part?.size === 0) this.#parts = this.#parts.filter((candidate) => candidate !== part);
    return part !== undefined;
  }

  /** The nearest point, of equally near ones that with the smallest id. Throws: `RangeError` as `nearestMany`. */
  nearest(point: ArrayLike<number>, limits: SearchLimits = {}): Neighbour | undefined {
    return this.#find(point, 1, limits, (search) =>
      search.found === 0 ? undefined : search.at(0),
    );
  }

  /**
   * The `most` nearest points, nearest first, equally near ones by id. `accept` is asked only about
   * points that would be among them. For tens of neighbours: a point costs O(most) to enter the list.
   *
   * Throws: `RangeError` for a point of another dimension or with a coordinate that is not finite, or
   * when `most` is not an integer ≥ 0 or `within` not a number.
   */
  nearestMany(point: ArrayLike<number>, most: number, limits: SearchLimits = {}): Neighbour[] {
    if (!Number.isSafeInteger(most) || most < 0) {
      throw new RangeError(`neighbours: expected an integer ≥ 0, got ${most}`);
    }
    return this.#find(point, Math.min(most, this.size), limits, (search) =>
      Array.from({ length: search.found }, (_, i) => search.at(i)),
    );
  }

  #find<T>(
    point: ArrayLike<number>,
    most: number,
    limits: SearchLimits,
    answer: (search: Search) => T,
  ): T {
    const search = this.#search ?? new Search(this.dimension);
    this.#search = undefined;
    search.begin(this.#shaped(point), most, limits);
    if (limits.accept === undefined) for (const part of this.#parts) search.visit(part);
    else this.#ask(search);
    this.#search = search;
    return answer(search);
  }

  #ask(search: Search): void {
    this.#asking += 1;
    try {
      for (const part of this.#parts) search.visit(part);
    } finally {
      this.#asking -= 1;
    }
  }

  /** A search goes through rows that a change would move under it. */
  #checkStill(): void {
    if (this.#asking > 0) throw new Error("expected no insert or remove within a search's accept");
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
