import type { Wh } from "@busbar/protocol";

/**
 * A line between two buses, usable in both directions.
 *
 * Shape: `lossPermille` of what flows over it is lost, 0 … 1000; `capacity` is what it carries in one slot in
 * either direction (absent: as much as one likes).
 */
export type Line = {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly lossPermille: number;
  readonly capacity?: Wh;
};

/** A feeder graph: rings, parallel lines and islands are allowed. */
export type Network = readonly Line[];

/** Throws: `RangeError` for ids that repeat, a line from a bus to itself, numbers outside their range. */
export function checkNetwork(lines: Network): void {
  const seen = new Set<string>();
  for (const { id, from, to, lossPermille, capacity } of lines) {
    if (seen.has(id)) throw new RangeError(`line ${id}: expected each id once, got it again`);
    seen.add(id);
    if (from === to) throw new RangeError(`line ${id}: expected two buses, got ${from} twice`);
    if (!Number.isSafeInteger(lossPermille) || lossPermille < 0 || lossPermille > 1000) {
      throw new RangeError(`loss of ${id}: expected thousandths in 0 … 1000, got ${lossPermille}`);
    }
    if (capacity !== undefined && !(Number.isSafeInteger(capacity) && capacity >= 0)) {
      throw new RangeError(`capacity of ${id}: expected an integer ≥ 0 in Wh, got ${capacity}`);
    }
  }
}

/** All buses, sorted. */
export function busesOf(lines: Network): readonly string[] {
  return [...new Set(lines.flatMap(({ from, to }) => [from, to]))].sort();
}

/** A step of a way: a line, along it or against it. */
export type Step = { readonly line: Line; readonly along: boolean };

/**
 * The way of least loss between two buses over lines that are open in the direction of travel; of equals
 * the one with fewer lines, then the one whose lines have the smaller ids from its end on. Undefined
 * where there is none; empty from a bus to itself.
 */
export function leastLossWay(
  lines: Network,
  { from, to }: { readonly from: string; readonly to: string },
  isOpen: (step: Step) => boolean = () => true,
): readonly Step[] | undefined {
  type Reached = { readonly loss: number; readonly hops: number; readonly by?: Step };
  const best = new Map<string, Reached>([[from, { loss: 0, hops: 0 }]]);
  const done = new Set<string>();
  const sorted = [...lines].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (;;) {
    const at = nearestOf(best, done);
    if (at === undefined) return undefined;
    if (at === to) break;
    done.add(at);
    const here = best.get(at);
    if (here === undefined) return undefined;
    for (const line of sorted) {
      const along = line.from === at;
      if (!along && line.to !== at) continue;
      const step = { line, along };
      const next = along ? line.to : line.from;
      if (done.has(next) || !isOpen(step)) continue;
      const found = { loss: here.loss + line.lossPermille, hops: here.hops + 1, by: step };
      const known = best.get(next);
      const isBetter =
        known === undefined ||
        found.loss < known.loss ||
        (found.loss === known.loss && found.hops < known.hops);
      if (isBetter) best.set(next, found);
    }
  }
  const way: Step[] = [];
  for (let at = to; at !== from; ) {
    const step = best.get(at)?.by;
    if (step === undefined) return undefined;
    way.unshift(step);
    at = step.along ? step.line.from : step.line.to;
  }
  return way;
}

/** The reached bus that comes next: by loss, then hops, then name. */
function nearestOf(
  best: ReadonlyMap<string, { readonly loss: number; readonly hops: number }>,
  done: ReadonlySet<string>,
): string | undefined {
  let found: { readonly bus: string; readonly loss: number; readonly hops: number } | undefined;
  for (const [bus, { loss, hops }] of best) {
    if (done.has(bus)) continue;
    const isNearer =
      found === undefined ||
      loss < found.loss ||
      (loss === found.loss && (hops < found.hops || (hops === found.hops && bus < found.bus)));
    if (isNearer) found = { bus, loss, hops };
  }
  return found?.bus;
}
