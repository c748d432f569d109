/**
 * The welfare-optimal clearing of a slot over a grid: what a line costs is taken off, no line carries
 * more than it can. Without segments it is `clear`.
 *
 * From the outermost feeders inwards each one's book becomes a curve of what it sells and buys at each
 * price, seen from its parent; at the busbar the joined curve crosses zero. Back outwards each feeder
 * is told what it sends or gets. That is the optimum of the linear program (bids' value − asks' cost −
 * fees), because an excess that rises with the price has one crossing, and the prices prove it:
 * `verifyGridClearing`.
 */
import { allocate, divideBig, type MicroPerKwh, microPerKwh, wh } from "@busbar/protocol";
import { type Book, openBook } from "./book.ts";
import { type Curve, joinCurves, type Step, takeSteps, throughSegment } from "./curve.ts";
import { equilibrium, fill, fillsOf, worth } from "./filling.ts";
import { type Grid, type Layout, layOut } from "./grid.ts";
import { type Bounds, supportingPrices } from "./grid-prices.ts";
import { netOut } from "./netting.ts";
import {
  checkQuotes,
  type Fill,
  type GridClearing,
  type PlaceClearing,
  type Quote,
} from "./quotes.ts";

/**
 * Clears one slot over a grid. Each feeder has a price of its own: sellers there get it, buyers there
 * pay it. Between two feeders it differs by the fees of the path, or by more where a line is full. Of
 * all prices that support the optimum these are the lowest that are nowhere below the reference, as
 * far as the highest ones allow: so the seller gets the reference and the buyer pays the fees on top.
 *
 * Ties are shared in proportion within a feeder, and between what the feeders beyond it offer alike.
 *
 * Throws: `RangeError` as `clear` and `layOut`, and for a party with quotes at two feeders.
 */
export function clearOnGrid(
  quotes: readonly Quote[],
  grid: Grid,
  reference: MicroPerKwh | undefined = undefined,
): GridClearing {
  checkQuotes(quotes);
  const layout = layOut(grid);
  const here = quotesByPlace(quotes, layout);
  const books = here.map((own) => ({ bids: openBook(own, "bid"), asks: openBook(own, "ask") }));
  const flows = flowsOf(books, layout);
  const bounds: Bounds[] = [];
  const fills = new Map<string, Fill>();
  let [surplus, volume, fees] = [0n, 0, 0n];
  for (const [i, { bids, asks }] of books.entries()) {
    const { lo = Number.NEGATIVE_INFINITY, hi = Number.POSITIVE_INFINITY } = equilibrium(
      bids,
      asks,
    );
    bounds.push({ lo, hi });
    surplus += worth(bids) - worth(asks);
    fees += BigInt(layout.places[i]?.fee ?? 0) * BigInt(Math.abs(flows[i] ?? 0));
    netOut(bids, asks);
    for (const fill of fillsOf(here[i] ?? [], bids, asks)) fills.set(fill.id, fill);
    for (const energy of asks.taken) volume += energy;
  }
  const prices = supportingPrices(layout, flows, bounds, reference);
  const places = layout.places.map(({ feeder }, i): PlaceClearing => {
    const traded = here[i]?.some(({ id }) => (fills.get(id)?.accepted ?? 0) > 0) ?? false;
    const price = prices?.[i];
    return {
      feeder,
      price: traded && price !== undefined ? microPerKwh(price) : undefined,
      exportWh: flows[i] ?? 0,
    };
  });
  return {
    fills: quotes.map(({ id }) => fills.get(id) ?? { id, accepted: wh(0), netted: wh(0) }),
    places,
    volume: wh(volume),
    reference,
    welfare: divideBig(surplus - fees, 1000n, "floor"),
    fees: divideBig(fees, 1000n, "floor"),
  };
}

type Books = { readonly bids: Book; readonly asks: Book };

function quotesByPlace(quotes: readonly Quote[], { places, placeOf }: Layout): Quote[][] {
  const here: Quote[][] = places.map(() => []);
  const home = new Map<string, number>();
  for (const quote of quotes) {
    const place = placeOf(quote.feeder);
    if ((home.get(quote.party) ?? place) !== place) {
      const message = `quote ${quote.id}: expected all quotes of ${quote.party} at one feeder`;
      throw new RangeError(`${message}, got ${quote.feeder ?? "the busbar"} besides another`);
    }
    home.set(quote.party, place);
    here[place]?.push(quote);
  }
  return here;
}

/** Fills the books, and says what each feeder sends to its parent (below 0: gets from it). */
function flowsOf(books: readonly Books[], { places }: Layout): number[] {
  const curves: Curve[] = [];
  const flows = new Array<number>(places.length).fill(0);
  const below: Curve[][] = places.map(() => []);
  for (let i = places.length - 1; i >= 0; i -= 1) {
    const [own, place] = [books[i], places[i]];
    if (own === undefined || place === undefined) continue;
    const curve = joinCurves([ownCurve(own), ...(below[i] ?? [])]);
    curves[i] = curve;
    if (place.parent < 0) continue;
    const seen = throughSegment(curve, { ...place, from: i });
    below[place.parent]?.push(seen);
    flows[i] = -seen.wanted;
  }
  for (const [i, { bids, asks }] of books.entries()) {
    let [sold, givenUp] = [0, 0];
    for (const { step, quantity } of takeSteps(curves[i], flows[i] ?? 0, share)) {
      if (step.from >= 0) flows[step.from] = (flows[step.from] ?? 0) + quantity;
      else if (step.side === "ask") sold += quantity;
      else givenUp += quantity;
    }
    fill(asks, sold);
    fill(bids, sum(bids.quantities) - givenUp);
  }
  return flows.map((flow) => (flow === 0 ? 0 : flow));
}

/** The quotes of a feeder alone, one step for each limit and side. */
function ownCurve({ bids, asks }: Books): Curve {
  const own = (side: Step["side"], { limits, quantities }: Book): Curve => {
    const steps: Step[] = [];
    limits.forEach((price, i) => {
      const last = steps.at(-1);
      const quantity = quantities[i] ?? 0;
      if (last?.price !== price) steps.push({ price, side, quantity, from: -1 });
      else steps[steps.length - 1] = { ...last, quantity: last.quantity + quantity };
    });
    return { wanted: side === "bid" ? sum(quantities) : 0, steps };
  };
  return joinCurves([own("ask", asks), own("bid", bids)]);
}

/** Largest remainder; of equal remainders the feeder's own quotes go first, then feeders in order. */
function share(taken: number, group: readonly Step[]): number[] {
  const digits = String(group.length).length;
  const shares = group.map(({ quantity }, i) => ({
    id: String(i).padStart(digits, "0"),
    weight: quantity,
  }));
  if (group[0]?.side === "ask") return allocate(taken, shares);
  // Of bids what is served is shared, as in a book without a grid.
  const served = allocate(
    group.reduce((all, { quantity }) => all + quantity, -taken),
    shares,
  );
  return group.map(({ quantity }, i) => quantity - (served[i] ?? 0));
}

function sum(quantities: Float64Array): number {
  return quantities.reduce((total, quantity) => total + quantity, 0);
}
