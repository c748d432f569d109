/**
 * What a feeder offers its parent, as a curve: how much more energy is sold than bought below it at
 * each price. An ask adds its quantity at its limit; a bid takes its quantity until its limit, so it
 * adds as much there, too (it gives up). Seen from the other end of a line, what is sold costs the fee
 * more, what is bought may cost the fee less, and the line's capacity cuts both: so the curve of a
 * whole subtree is again a list of steps that its parent can merge with its own.
 */
import type { Place } from "./grid.ts";

/**
 * A step of a curve: at `price` the excess rises by `quantity`. `from` is the child that it comes
 * from, or −1 for quotes of the place itself. A step of bids is their giving up.
 */
export type Step = {
  readonly price: number;
  readonly side: "ask" | "bid";
  readonly quantity: number;
  readonly from: number;
};

/** Steps from the lowest price on, asks before bids at one price; the excess begins at −`wanted`. */
export type Curve = { readonly wanted: number; readonly steps: readonly Step[] };

/** One curve of several. Asks go before bids at a price, so that who agrees on it trades. */
export function joinCurves(curves: readonly Curve[]): Curve {
  const steps = curves.flatMap((curve) => curve.steps);
  steps.sort((a, b) => a.price - b.price || order(a.side) - order(b.side) || a.from - b.from);
  return { wanted: curves.reduce((sum, { wanted }) => sum + wanted, 0), steps };
}

const order = (side: Step["side"]) => (side === "ask" ? 0 : 1);

/** A child's curve as its parent sees it, at the other end of the segment. */
export function throughSegment(
  { wanted, steps }: Curve,
  { fee, up, down, from }: Pick<Place, "fee" | "up" | "down"> & { readonly from: number },
): Curve {
  const seen: Step[] = [];
  let excess = -wanted;
  for (const { price, side, quantity } of steps) {
    const end = excess + quantity;
    const bought = Math.min(end, 0) - Math.max(excess, -down);
    const sold = Math.min(end, up) - Math.max(excess, 0);
    if (bought > 0) seen.push({ price: price - fee, side, quantity: bought, from });
    if (sold > 0) seen.push({ price: price + fee, side, quantity: sold, from });
    excess = end;
  }
  return { wanted: Math.min(wanted, down), steps: seen };
}

/** How much of each step is taken: as many as it needs for the excess to come to `target`. */
export type Taken = { readonly step: Step; readonly quantity: number };

/**
 * Takes steps from the lowest price on until the excess is `target`. Of the last price and side,
 * each place takes its part in proportion, by `share`.
 */
export function takeSteps(
  { wanted, steps }: Curve = { wanted: 0, steps: [] },
  target: number,
  share: (total: number, group: readonly Step[]) => readonly number[],
): Taken[] {
  const taken: Taken[] = [];
  let left = target + wanted;
  for (let from = 0, to = 0; from < steps.length && left > 0; from = to) {
    const first = steps[from];
    let offered = 0;
    for (to = from; isAlike(first, steps[to]); to += 1) offered += steps[to]?.quantity ?? 0;
    const group = steps.slice(from, to);
    const parts = offered <= left ? group.map(({ quantity }) => quantity) : share(left, group);
    group.forEach((step, i) => {
      taken.push({ step, quantity: parts[i] ?? 0 });
    });
    left -= Math.min(offered, left);
  }
  return taken;
}

function isAlike(a: Step | undefined, b: Step | undefined): boolean {
  return a !== undefined && b !== undefined && a.price === b.price && a.side === b.side;
}
