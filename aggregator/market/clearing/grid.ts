/**
 * The lines between feeders, as far as the market sees them: a tree whose root is the busbar. Each
 * feeder hangs on its parent by one segment, and what flows over it pays its fee. The path between two
 * quotes goes up to where their ways meet and down again, so its fee is that of its segments.
 */
import type { MicroPerKwh, Wh } from "@busbar/protocol";

/**
 * The segment from a feeder to its parent (absent: to the busbar).
 *
 * Shape: fee ≥ 0, per kWh in either direction; `capacity` is what can flow in one slot in either
 * direction (absent: as much as one likes). `sentWh` is what the slot's gates before have agreed to send
 * to the parent, below 0 from it (absent: 0): a trade against it makes room, one along with it has less.
 */
export type Segment = {
  readonly feeder: string;
  readonly parent?: string;
  readonly fee: MicroPerKwh;
  readonly capacity?: Wh;
  readonly sentWh?: number;
};

/** Segments in any order. A feeder that stands in none, and a quote without one, is at the busbar. */
export type Grid = readonly Segment[];

/**
 * A feeder as a number: 0 is the busbar, and every parent is smaller than its children. `up` and `down`
 * are what can still flow to and from the parent.
 */
export type Place = {
  readonly feeder: string | undefined;
  readonly parent: number;
  readonly fee: number;
  readonly up: number;
  readonly down: number;
};

/** A grid in order from the busbar outwards; feeders of one distance by their ids. */
export type Layout = {
  readonly places: readonly Place[];
  /** The place where a feeder's quotes stand. */
  readonly placeOf: (feeder: string | undefined) => number;
};

/**
 * Orders a grid. Throws: `RangeError` for a feeder that stands in two segments, an unknown parent,
 * segments in a circle, a fee or a capacity below 0, and a sum
 * of the gates before that is no integer.
 */
export function layOut(grid: Grid): Layout {
  const segments = new Map<string, Segment>();
  for (const segment of grid) {
    checkSegment(segment);
    const { feeder } = segment;
    if (segments.has(feeder)) throw new RangeError(`feeder ${feeder} stands in two segments`);
    segments.set(feeder, segment);
  }
  const order = [...segments.values()]
    .map((segment) => ({ ...segment, depth: depthOf(segment, segments) }))
    .sort((a, b) => a.depth - b.depth || (a.feeder < b.feeder ? -1 : 1));
  const numbers = new Map(order.map(({ feeder }, i) => [feeder, i + 1]));
  const placeOf = (feeder: string | undefined) => numbers.get(feeder ?? "") ?? 0;
  const places: Place[] = [{ feeder: undefined, parent: -1, fee: 0, up: 0, down: 0 }];
  for (const { feeder, parent, fee, capacity = Number.POSITIVE_INFINITY, sentWh = 0 } of order) {
    // Where a trade fell away that had made room for another, more than all of it is taken.
    const [up, down] = [Math.max(0, capacity - sentWh), Math.max(0, capacity + sentWh)];
    places.push({ feeder, parent: placeOf(parent), fee, up, down });
  }
  return { places, placeOf };
}

function checkSegment({ feeder, fee, capacity, sentWh = 0 }: Segment): void {
  if (feeder === "") throw new RangeError("feeder: expected a name");
  if (!Number.isSafeInteger(fee) || fee < 0) {
    throw new RangeError(`fee of ${feeder}: expected an integer ≥ 0 in 10⁻⁶ per kWh, got ${fee}`);
  }
  if (capacity !== undefined && !(Number.isSafeInteger(capacity) && capacity >= 0)) {
    throw new RangeError(`capacity of ${feeder}: expected an integer ≥ 0 in Wh, got ${capacity}`);
  }
  if (!Number.isSafeInteger(sentWh)) {
    throw new RangeError(`sentWh of ${feeder}: expected an integer in Wh, got ${sentWh}`);
  }
}

/** Segments between a feeder and the busbar. */
function depthOf(segment: Segment, segments: ReadonlyMap<string, Segment>): number {
  let depth = 1;
  for (let at = segment; at.parent !== undefined; depth += 1) {
    const above = segments.get(at.parent);
    if (above === undefined) {
      throw new RangeError(`feeder ${at.feeder}: its parent ${at.parent} stands in no segment`);
    }
    if (depth > segments.size) throw new RangeError(`feeder ${segment.feeder} hangs on itself`);
    at = above;
  }
  return depth;
}
