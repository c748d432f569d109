/**
 * Step 8 of Liu & Zhou, literally: quotes stand in a k-d tree by price, the colony's price is the
 * target, and the quote nearest to the target is the best offer. Here the nearest ask and the nearest
 * bid become an order at the target price, as long as both sides have energy.
 *
 * It asks nobody's limit, so it trades beyond limits and leaves welfare on the table. It is there to be
 * compared with `clear`; no rule of the ledger uses it.
 */
import { divideBig, type MicroPerKwh, type Wh, wh } from "@busbar/protocol";
import { KdTree } from "../kdtree/kd-tree.ts";
import { earlierFirst, type Quote } from "./quotes.ts";

/** Energy from one ask to one bid (by id), at the target price. */
export type PaperOrder = { readonly ask: string; readonly bid: string; readonly quantity: Wh };

/**
 * What the literal matching comes to. `welfare` is what bids value the traded energy above asks (10⁻⁶
 * currency, rounded down; below 0 where dear asks meet cheap bids), `beyond` the energy that is traded
 * at a price worse than the limit of its ask or of its bid.
 */
export type PaperMatching = {
  readonly orders: readonly PaperOrder[];
  readonly price: MicroPerKwh;
  readonly volume: Wh;
  readonly welfare: number;
  readonly beyond: Wh;
};

/**
 * Matches a slot's quotes by nearness to `target`. Of equally near quotes the earlier goes first, then
 * the smaller id; a party is never matched with itself. O(n log n).
 */
export function matchPaper(quotes: readonly Quote[], target: MicroPerKwh): PaperMatching {
  const asks = new NearestQuotes(quotes, "ask", target);
  const bids = new NearestQuotes(quotes, "bid", target);
  const orders: PaperOrder[] = [];
  let [volume, beyond, worth] = [0, 0, 0n];
  for (let ask = asks.nearest(); ask !== undefined; ask = asks.nearest()) {
    const bid = bids.nearest(ask.quote.party);
    if (bid === undefined) {
      asks.take(ask, ask.left);
      continue;
    }
    const quantity = Math.min(ask.left, bid.left);
    asks.take(ask, quantity);
    bids.take(bid, quantity);
    orders.push({ ask: ask.quote.id, bid: bid.quote.id, quantity: wh(quantity) });
    volume += quantity;
    if (ask.quote.limit > target || bid.quote.limit < target) beyond += quantity;
    worth += BigInt(bid.quote.limit - ask.quote.limit) * BigInt(quantity);
  }
  const welfare = divideBig(worth, 1000n, "floor");
  return { orders, price: target, volume: wh(volume), welfare, beyond: wh(beyond) };
}

type Lot = { readonly rank: number; readonly quote: Quote; left: number };

/** The quotes of one side that have energy left, in a k-d tree of one dimension. */
class NearestQuotes {
  readonly #lots: readonly Lot[];
  readonly #tree: KdTree;
  readonly #target: readonly [number];

  constructor(quotes: readonly Quote[], side: Quote["side"], target: MicroPerKwh) {
    this.#lots = quotes
      .filter((quote) => quote.side === side)
      .sort(earlierFirst)
      .map((quote, rank) => ({ rank, quote, left: quote.quantity }));
    const coordinates = this.#lots.map(({ quote }) => quote.limit);
    this.#tree = new KdTree({ dimension: 1, coordinates });
    this.#target = [target];
  }

  /** The one nearest to the target that is not of a party. */
  nearest(except?: string): Lot | undefined {
    const accept = (rank: number) => this.#lots[rank]?.quote.party !== except;
    const limits = except === undefined ? {} : { accept };
    const found = this.#tree.nearest(this.#target, limits);
    return found === undefined ? undefined : this.#lots[found.id];
  }

  take(lot: Lot, quantity: number): void {
    lot.left -= quantity;
    if (lot.left === 0) this.#tree.remove(lot.rank);
  }
}
