/**
 * Orders points into the leaves of a k-d tree. Any order gives right answers, for boxes are drawn
 * around what a leaf holds; a good one has leaves of equal counts that are as round as can be.
 */

/** Points as rows of two columns that are reordered together. */
export type Rows = {
  readonly dimension: number;
  readonly ids: Uint32Array;
  readonly coordinates: Float64Array;
};

/** The first row of each leaf, and how many it holds. */
export type Leaves = { readonly starts: Uint32Array; readonly counts: Uint32Array };

/** Ranges of at least so many rows are dealt out by a sample; shorter ones fit into a cache. */
const dealtMin = 512;
/** Levels that one deal covers, and sampled points for each of its heaps. */
const levelsPerDeal = 7;
const sampledPerHeap = 12;

/**
 * Halves the rows along the widest axis of each half, until there are 2^`levels` leaves.
 *
 * A long range is dealt to many leaves' heaps at once: the halving is done on a sample, and each row
 * goes down its splits without a branch, which a processor would guess wrong every other time. Where
 * the sample misled (a heap of four times its share), and for short ranges, medians are selected exactly.
 * The idea of several levels a pass is that of Men, Shen, Gu & Sun ("Parallel kd-tree with batch
 * updates", 2025).
 */
export function arrange(rows: Rows, levels: number): Leaves {
  const leaves = 2 ** levels;
  const starts = new Uint32Array(leaves);
  const counts = new Uint32Array(leaves);
  const dealer = rows.ids.length < dealtMin ? undefined : new Dealer(rows);
  const split = (leaf: number, deep: number, from: number, to: number): void => {
    if (deep === 0) {
      starts[leaf] = from;
      counts[leaf] = to - from;
      return;
    }
    const dealt = to - from < dealtMin ? 0 : (dealer?.deal(from, to, deep) ?? 0);
    if (dealt > 0 && dealer !== undefined) {
      const ends = dealer.ends.slice(0, 2 ** dealt);
      ends.forEach((end, heap) => {
        split(
          leaf + heap * 2 ** (deep - dealt),
          deep - dealt,
          heap === 0 ? from : (ends[heap - 1] ?? 0),
          end,
        );
      });
      return;
    }
    const middle = (from + to) >>> 1;
    select(rows, widestAxis(rows, from, to), middle, from, to - 1);
    split(leaf, deep - 1, from, middle);
    split(leaf + 2 ** (deep - 1), deep - 1, middle, to);
  };
  split(0, levels, 0, rows.ids.length);
  return { starts, counts };
}

/** Deals rows to heaps by the splits of a sample. */
class Dealer {
  /** The row behind each heap of the last deal. */
  readonly ends = new Uint32Array(2 ** levelsPerDeal);
  readonly #rows: Rows;
  readonly #spare: Rows;
  readonly #heaps: Uint8Array;
  readonly #axes = new Uint32Array(2 ** levelsPerDeal);
  readonly #splits = new Float64Array(2 ** levelsPerDeal);
  readonly #sample: Rows;

  constructor(rows: Rows) {
    const { dimension, ids } = rows;
    this.#rows = rows;
    const emptyRows = (count: number): Rows => ({
      dimension,
      ids: new Uint32Array(count),
      coordinates: new Float64Array(count * dimension),
    });
    this.#spare = emptyRows(ids.length);
    this.#heaps = new Uint8Array(ids.length);
    this.#sample = emptyRows(sampledPerHeap * 2 ** levelsPerDeal);
  }

  /** Deals rows from … to − 1 over some of the levels; says over how many, 0 where it cannot. */
  deal(from: number, to: number, deep: number): number {
    const room = 31 - Math.clz32((to - from) / (4 * sampledPerHeap));
    const levels = Math.min(levelsPerDeal, deep, room);
    if (levels < 2) return 0;
    this.#plan(from, to, levels);
    return this.#deal(from, to, levels) ? levels : 0;
  }

  /** Finds the splits in a sample of rows at equal distances. */
  #plan(from: number, to: number, levels: number): void {
    const { dimension, coordinates } = this.#rows;
    const count = sampledPerHeap * 2 ** levels;
    const step = (to - from) / count;
    for (let i = 0; i < count; i += 1) {
      const row = from + Math.floor(i * step);
      for (let axis = 0; axis < dimension; axis += 1) {
        this.#sample.coordinates[i * dimension + axis] = coordinates[row * dimension + axis] ?? 0;
      }
    }
    const halve = (node: number, start: number, end: number): void => {
      if (node >= 2 ** levels - 1) return;
      const axis = widestAxis(this.#sample, start, end);
      const middle = (start + end) >>> 1;
      select(this.#sample, axis, middle, start, end - 1);
      this.#axes[node] = axis;
      this.#splits[node] = this.#sample.coordinates[middle * dimension + axis] ?? 0;
      halve(2 * node + 1, start, middle);
      halve(2 * node + 2, middle, end);
    };
    halve(0, 0, count);
  }

  /** False, with all rows where they were, when a heap would get more than four times its share. */
  #deal(from: number, to: number, levels: number): boolean {
    this.#route(from, to, levels);
    const { ends } = this;
    const most = (4 * (to - from)) / 2 ** levels;
    let end = from;
    for (let heap = 0; heap < 2 ** levels; heap += 1) {
      const count = ends[heap] ?? 0;
      if (count > most) return false;
      ends[heap] = end;
      end += count;
    }
    this.#scatter(from, to);
    return true;
  }

  /** Goes down the splits with each row; counts the heaps in `ends`. */
  #route(from: number, to: number, levels: number): void {
    const { dimension, coordinates } = this.#rows;
    const [heaps, axes, splits] = [this.#heaps, this.#axes, this.#splits];
    const counts = this.ends.fill(0);
    const first = 2 ** levels - 1;
    for (let row = from, at = from * dimension; row < to; row += 1, at += dimension) {
      let node = 0;
      for (let level = 0; level < levels; level += 1) {
        const isRight = (coordinates[at + (axes[node] ?? 0)] ?? 0) >= (splits[node] ?? 0);
        node = 2 * node + 1 + Number(isRight);
      }
      const heap = node - first;
      heaps[row] = heap;
      counts[heap] = (counts[heap] ?? 0) + 1;
    }
  }

  /** Moves each row behind those that its heap has; `ends` run from the heaps' begins to their ends. */
  #scatter(from: number, to: number): void {
    const { dimension, ids, coordinates } = this.#rows;
    const { ids: spareIds, coordinates: spare } = this.#spare;
    const [heaps, ends] = [this.#heaps, this.ends];
    for (let row = from, at = from * dimension; row < to; row += 1) {
      const heap = heaps[row] ?? 0;
      const place = ends[heap] ?? 0;
      ends[heap] = place + 1;
      spareIds[place] = ids[row] ?? 0;
      for (let i = place * dimension, n = dimension; n > 0; i += 1, at += 1, n -= 1) {
        spare[i] = coordinates[at] ?? 0;
      }
    }
    ids.set(spareIds.subarray(from, to), from);
    coordinates.set(spare.subarray(from * dimension, to * dimension), from * dimension);
  }
}

/** How many rows are looked at to choose an axis. */
const sampleSize = 16;

function widestAxis({ coordinates, dimension }: Rows, from: number, to: number): number {
  const stride = Math.max(1, Math.floor((to - from) / sampleSize));
  let [best, width] = [0, -1];
  for (let axis = 0; axis < dimension; axis += 1) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
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
function select(rows: Rows, axis: number, k: number, first: number, last: number): void {
  const { dimension, coordinates } = rows;
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
      select(rows, axis, k, from, to);
    }
    const pivot = coordinates[k * dimension + axis] ?? 0;
    let i = left;
    let j = right;
    // Both scans stop at values equal to the pivot, so that a crowd of equals is halved, too.
    while (i <= j) {
      while ((coordinates[i * dimension + axis] ?? 0) < pivot) i += 1;
      while ((coordinates[j * dimension + axis] ?? 0) > pivot) j -= 1;
      if (i > j) break;
      swap(rows, i, j);
      i += 1;
      j -= 1;
    }
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else return;
  }
}

function swap({ ids, coordinates, dimension }: Rows, i: number, j: number): void {
  const id = ids[i] ?? 0;
  ids[i] = ids[j] ?? 0;
  ids[j] = id;
  for (let a = i * dimension, b = j * dimension, n = dimension; n > 0; a += 1, b += 1, n -= 1) {
    const x = coordinates[a] ?? 0;
    coordinates[a] = coordinates[b] ?? 0;
    coordinates[b] = x;
  }
}
