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
import { divideBig, type MicroPerKwh, microPerKwh, mulDiv, wh } from "@busbar/protocol";
import { type Book, openBook } from "./book.ts";
import { equilibrium, fill, fillsOf, worth } from "./filling.ts";
import { netOut } from "./netting.ts";
import { type Clearing, type ClearingCertificate, checkQuotes, type Quote } from "./quotes.ts";

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
  const fills = fillsOf(quotes, bids, asks);
  return { fills, price: volume > 0 ? priceIn(certificate) : undefined, volume, certificate };
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

/** The point of [lo, hi] nearest to the reference price, or its midpoint (half to even). */
function priceIn({ lo, hi, reference }: ClearingCertificate): MicroPerKwh | undefined {
  if (lo === undefined || hi === undefined) return undefined;
  if (reference === undefined) return microPerKwh(mulDiv(lo + hi, 1, 2, "half-even"));
  return microPerKwh(Math.min(Math.max(reference, lo), hi));
}
