/**
 * The welfare-optimal uniform-price double auction of one slot. Integers throughout; the result does
 * not depend on the order in which quotes are given.
 *
 * A party's own ask and bid: both take part in the merge like anybody's, then what the party would
 * have bought from itself is netted out of both (`Fill.netted`). So nobody else gets a watt-hour more
 * or less than in the optimum, the same prices support it, every party is left on one side, and no
 * order ever joins a party with itself. Barring such pairs beforehand instead can leave no uniform
 * price at all: who asks 1 and bids 5 for the same energy cannot sell to a bid of 3 at the price at
 * which it buys from an ask of 4.
 */
import { allocate, divideBig, type MicroPerKwh, microPerKwh, mulDiv, wh } from "@busbar/protocol";
import { type Book, earliestFirst, openBook } from "./book.ts";
import { netOut } from "./netting.ts";
import type { Clearing, ClearingCertificate, Fill, Quote, Rationed } from "./quotes.ts";

/**
 * Clears one slot: who trades how much, and the point of the equilibrium interval [lo, hi] nearest to
 * the reference price (its midpoint when there is none).
 *
 * Shape: quotes of one slot with unique ids.
 * Throws: `RangeError` for quotes of different slots, for a quote without energy, or when the cleared
 * energy reaches 2⁵³ Wh.
 */
export function clear(
  quotes: readonly Quote[],
  reference: MicroPerKwh | undefined = undefined,
): Clearing {
  checkQuotes(quotes);
  const bids = openBook(quotes, "bid");
  const asks = openBook(quotes, "ask");
  const cleared = wh(crossing(bids, asks));
  const rationedBids = fill(bids, cleared);
  const rationedAsks = fill(asks, cleared);
  const bounds = equilibrium(bids, asks);
  const surplus = worth(bids) - worth(asks);
  const volume = wh(cleared - netOut(bids, asks));
  const certificate: ClearingCertificate = {
    ...bounds,
    reference,
    cleared,
    welfare: divideBig(surplus, 1000n, "floor"),
    rationed: rationedBids ?? rationedAsks,
  };
  const fills = collect(quotes, bids, asks);
  return { fills, price: volume > 0 ? priceIn(certificate) : undefined, volume, certificate };
}

function checkQuotes(quotes: readonly Quote[]): void {
  const slot = quotes[0]?.slot;
  for (const quote of quotes) {
    if (quote.slot !== slot) {
      throw new RangeError(
        `quote ${quote.id}: expected slot ${slot} as in the first quote, got ${quote.slot}`,
      );
    }
    if (!(quote.quantity > 0)) {
      throw new RangeError(`quote ${quote.id}: expected a quantity above 0, got ${quote.quantity}`);
    }
  }
}

/** The energy for which bids still value more than, or as much as, asks want. */
function crossing(bids: Book, asks: Book): number {
  let [bid, ask, total] = [0, 0, 0];
  let [wanted, offered] = [bids.quantities[0] ?? 0, asks.quantities[0] ?? 0];
  while (bid < bids.origin.length && ask < asks.origin.length) {
    if ((bids.limits[bid] ?? 0) < (asks.limits[ask] ?? 0)) break;
    const traded = Math.min(wanted, offered);
    total += traded;
    wanted -= traded;
    offered -= traded;
    if (wanted === 0) {
      bid += 1;
      wanted = bids.quantities[bid] ?? 0;
    }
    if (offered === 0) {
      ask += 1;
      offered = asks.quantities[ask] ?? 0;
    }
  }
  return total;
}

/** Hands `total` to the quotes from the best limit on; the last group of equals shares the rest. */
function fill(book: Book, total: number): Rationed | undefined {
  const { limits, quantities, taken } = book;
  let left = total;
  for (let from = 0, to = 0; from < limits.length && left > 0; from = to) {
    let offered = 0;
    for (to = from; to < limits.length && limits[to] === limits[from]; to += 1) {
      offered += quantities[to] ?? 0;
    }
    if (offered > left) return ration(book, from, to, left);
    for (let i = from; i < to; i += 1) taken[i] = quantities[i] ?? 0;
    left -= offered;
  }
  return undefined;
}

/** Largest remainder in proportion to quantity; equal remainders to the earlier, then the smaller id. */
function ration(book: Book, from: number, to: number, total: number): Rationed | undefined {
  const group = earliestFirst(book, from, to);
  const [first] = group;
  if (first === undefined) return undefined;
  // `allocate` breaks ties by id, so the ids are ranks in that order.
  const digits = String(group.length).length;
  const rank = (i: number) => String(i).padStart(digits, "0");
  const shares = group.map(({ quote }, i) => ({ id: rank(i), weight: quote.quantity }));
  allocate(total, shares).forEach((part, i) => {
    book.taken[group[i]?.i ?? -1] = part;
  });
  const offered = group.reduce((sum, { quote }) => sum + quote.quantity, 0);
  const { side, limit } = first.quote;
  return { side, limit, offered: wh(offered), cleared: wh(total) };
}

/**
 * The prices at which nobody would rather have cleared more or less:
 * lo = max(cleared asks, bids with a rest), hi = min(cleared bids, asks with a rest).
 */
function equilibrium(bids: Book, asks: Book): Pick<ClearingCertificate, "lo" | "hi"> {
  const best = (one: number | undefined, two: number | undefined, pick: typeof Math.min) =>
    one === undefined || two === undefined ? (one ?? two) : pick(one, two);
  const lo = best(lastCleared(asks), firstWithRest(bids), Math.max);
  const hi = best(lastCleared(bids), firstWithRest(asks), Math.min);
  return {
    lo: lo === undefined ? undefined : microPerKwh(lo),
    hi: hi === undefined ? undefined : microPerKwh(hi),
  };
}

function lastCleared({ limits, taken }: Book): number | undefined {
  // In a rationed group a small quote may get nothing; its limit is its group's all the same.
  for (let i = limits.length - 1; i >= 0; i -= 1) if ((taken[i] ?? 0) > 0) return limits[i];
  return undefined;
}

function firstWithRest({ limits, quantities, taken }: Book): number | undefined {
  for (let i = 0; i < limits.length; i += 1) {
    if ((taken[i] ?? 0) < (quantities[i] ?? 0)) return limits[i];
  }
  return undefined;
}

/** Σ limit · cleared energy, exact: 10⁻⁶ currency/kWh · Wh. */
function worth({ limits, taken }: Book): bigint {
  let large = 0n;
  let small = 0;
  for (let i = 0; i < limits.length; i += 1) {
    const product = (limits[i] ?? 0) * (taken[i] ?? 0);
    if (product + small <= Number.MAX_SAFE_INTEGER) small += product;
    else {
      large += BigInt(small) + BigInt(limits[i] ?? 0) * BigInt(taken[i] ?? 0);
      small = 0;
    }
  }
  return large + BigInt(small);
}

/** The point of [lo, hi] nearest to the reference price, or its midpoint (half to even). */
function priceIn({ lo, hi, reference }: ClearingCertificate): MicroPerKwh | undefined {
  if (lo === undefined || hi === undefined) return undefined;
  if (reference === undefined) return microPerKwh(mulDiv(lo + hi, 1, 2, "half-even"));
  return microPerKwh(Math.min(Math.max(reference, lo), hi));
}

function collect(quotes: readonly Quote[], bids: Book, asks: Book): Fill[] {
  const accepted = new Float64Array(quotes.length);
  const netted = new Float64Array(quotes.length);
  for (const book of [bids, asks]) {
    book.origin.forEach((at, i) => {
      accepted[at] = book.taken[i] ?? 0;
      netted[at] = book.netted[i] ?? 0;
    });
  }
  return quotes.map(({ id }, i) => ({
    id,
    accepted: wh(accepted[i] ?? 0),
    netted: wh(netted[i] ?? 0),
  }));
}
