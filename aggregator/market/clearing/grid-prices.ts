/**
 * Prices that support a clearing over a grid: one a feeder, within what its own quotes allow, and
 * between neighbours within what the segment between them allows. All bounds are differences, so on a
 * tree one pass towards the busbar and one back find the highest and the lowest of them.
 */
import { mulDiv } from "@busbar/protocol";
import type { Layout, Place } from "./grid.ts";

/** The prices that the quotes of one feeder allow; infinite where none of them says anything. */
export type Bounds = { readonly lo: number; readonly hi: number };

/**
 * The lowest supporting prices that are nowhere below the reference, as far as the highest ones allow
 * (without a reference: the middle of lowest and highest); undefined where none support the
 * clearing, so that it is not the optimum. A price is infinite where nothing bounds it.
 */
export function supportingPrices(
  layout: Layout,
  flows: readonly number[],
  bounds: readonly Bounds[],
  reference: number | undefined,
): number[] | undefined {
  const { places } = layout;
  const highest = lowered(
    places,
    flows,
    bounds.map(({ hi }) => hi),
  );
  const lowest = raised(
    places,
    flows,
    bounds.map(({ lo }) => lo),
  );
  if (lowest.some((low, i) => low > (highest[i] ?? low))) return undefined;
  const wished = lowest.map((low, i) => {
    const high = highest[i] ?? low;
    return Math.max(low, Math.min(high, reference ?? middle(low, high)));
  });
  return raised(places, flows, wished);
}

function middle(low: number, high: number): number {
  // What is bounded on one side at most carries no trade, and has to agree with the others alone.
  if (!Number.isFinite(low) || !Number.isFinite(high)) return low;
  return mulDiv(low + high, 1, 2, "half-even");
}

/** What the parent's price may be above the child's, and the child's above the parent's, at most. */
function margins(
  { fee, up: most, down: least }: Place,
  flow: number,
): { up: number; down: number } {
  // A flow pays for its way; where there is room for more, more would not.
  const up = flow < 0 ? -fee : flow < most ? fee : Number.POSITIVE_INFINITY;
  const down = flow > 0 ? -fee : -flow < least ? fee : Number.POSITIVE_INFINITY;
  return { up, down };
}

/** The highest prices that are nowhere above `start` and keep all margins. */
export function lowered(
  places: readonly Place[],
  flows: readonly number[],
  start: readonly number[],
): number[] {
  const prices = [...start];
  const lower = (i: number, most: number) => {
    prices[i] = Math.min(prices[i] ?? most, most);
  };
  for (let i = places.length - 1; i > 0; i -= 1) {
    const place = places[i];
    if (place === undefined) continue;
    lower(place.parent, (prices[i] ?? 0) + margins(place, flows[i] ?? 0).up);
  }
  for (const [i, place] of places.entries()) {
    if (place.parent < 0) continue;
    lower(i, (prices[place.parent] ?? 0) + margins(place, flows[i] ?? 0).down);
  }
  return prices;
}

/** The lowest prices that are nowhere below `start` and keep all margins. */
function raised(
  places: readonly Place[],
  flows: readonly number[],
  start: readonly number[],
): number[] {
  const prices = [...start];
  const raise = (i: number, least: number) => {
    prices[i] = Math.max(prices[i] ?? least, least);
  };
  for (let i = places.length - 1; i > 0; i -= 1) {
    const place = places[i];
    if (place === undefined) continue;
    raise(place.parent, (prices[i] ?? 0) - margins(place, flows[i] ?? 0).down);
  }
  for (const [i, place] of places.entries()) {
    if (place.parent < 0) continue;
    raise(i, (prices[place.parent] ?? 0) - margins(place, flows[i] ?? 0).up);
  }
  return prices;
}
