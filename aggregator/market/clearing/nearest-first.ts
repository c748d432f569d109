/** Nearest neighbours first: the matching of asks and bids by distance alone, by k-d trees. */
import type { Wh } from "@busbar/protocol";
import { KdTree } from "../kdtree/kd-tree.ts";
import type { Quote } from "./quotes.ts";

/**
 * A quote of which `accepted` is traded. `reputation` is in 0 … 1, more is better.
 *
 * Shape: `id` is unique on both sides; `accepted` > 0.
 */
export type AcceptedQuote = Pick<Quote, "id" | "party" | "side" | "form" | "limit" | "feeder"> & {
  readonly accepted: Wh;
  readonly reputation?: number;
};

/** How much each difference between two quotes counts; 0 leaves it out. */
export type PairingWeights = {
  readonly limit: number;
  readonly form: number;
  readonly feeder: number;
  readonly reputation: number;
};

/**
 * The differences that count alike, each as a distance of 1: 0.1 currency/kWh between the limits,
 * another form than the one wished for, another feeder (or an unknown one), the best and the worst
 * reputation. Distances add up as squares.
 */
export const pairingScales: PairingWeights = { limit: 100_000, form: 1, feeder: 1, reputation: 1 };

/** The default: every difference counts by its scale alone. */
export const evenWeights: PairingWeights = { limit: 1, form: 1, feeder: 1, reputation: 1 };

/** What a party without a history is taken for: neither good nor bad. */
const reputationUnknown = 0.5;

/** A quote on its way through pairing: `rank` is its place in the total order of its side. */
export type Lot = {
  readonly quote: AcceptedQuote;
  readonly rank: number;
  readonly limit: number;
  readonly reputation: number;
  left: number;
};

export type Pair = {
  readonly ask: Lot;
  readonly bid: Lot;
  readonly quantity: number;
  readonly squared: number;
};

/** The quotes of one side in their order: the more reputable first, then the smaller id. */
export function lotsOf(
  quotes: readonly AcceptedQuote[],
  side: Quote["side"],
  weights: PairingWeights,
): Lot[] {
  const known = (quote: AcceptedQuote) => quote.reputation ?? reputationUnknown;
  return quotes
    .filter((quote) => quote.side === side)
    .sort((a, b) => known(b) - known(a) || (a.id < b.id ? -1 : 1))
    .map((quote, rank) => ({
      quote,
      rank,
      limit: (weights.limit * quote.limit) / pairingScales.limit,
      reputation: (weights.reputation * known(quote)) / pairingScales.reputation,
      left: quote.accepted,
    }));
}

/** The total order of pairs. Among those of one quote it is that of neighbours in a k-d tree. */
export function closerFirst(a: Pair, b: Pair): number {
  return a.squared - b.squared || a.ask.rank - b.ask.rank || a.bid.rank - b.bid.rank;
}

/** Pairs by distance alone; uses `left` up, except where only a party's own quotes remain. */
export function nearestFirst(
  asks: readonly Lot[],
  bids: readonly Lot[],
  weights: PairingWeights,
): Pair[] {
  const sides = { ask: new Side(asks, weights), bid: new Side(bids, weights) };
  const pairs: Pair[] = [];
  for (const start of bids) {
    // Each lot of the chain has the next as its nearest. Distances fall along it, so it ends in a
    // pair of mutual neighbours; what is left of the chain stays valid, as lots only disappear.
    const chain = start.left > 0 ? [start] : [];
    for (let last = chain.at(-1); last !== undefined; last = chain.at(-1)) {
      const near = sides[last.quote.side === "ask" ? "bid" : "ask"].nearest(last);
      if (near === undefined) break;
      const before = chain.at(-2);
      if (near.lot !== before) {
        chain.push(near.lot);
        continue;
      }
      const [ask, bid] = last.quote.side === "ask" ? [last, before] : [before, last];
      const quantity = Math.min(ask.left, bid.left);
      pairs.push({ ask, bid, quantity, squared: near.squared });
      sides.ask.take(ask, quantity);
      sides.bid.take(bid, quantity);
      chain.length -= before.left === 0 ? 2 : 1;
    }
  }
  return pairs.sort(closerFirst);
}

/**
 * The quotes of one side in k-d trees of (limit, form, feeder, reputation). Form and feeder are equal
 * or not: one tree for each combination of "this form" or "all" with "this feeder" or "all", in which
 * those coordinates are 0. Who searches stands at the distance that the tree's quotes have from it at
 * most; a quote that is nearer than its tree says is found in a narrower tree, too.
 */
class Side {
  readonly #lots: ReadonlyMap<number, Lot>;
  readonly #trees = new Map<string, KdTree>();
  readonly #formDistance: number;
  readonly #feederDistance: number;

  constructor(lots: readonly Lot[], weights: PairingWeights) {
    this.#lots = new Map(lots.map((lot) => [lot.rank, lot]));
    this.#formDistance = weights.form / pairingScales.form;
    this.#feederDistance = weights.feeder / pairingScales.feeder;
    const groups = new Map<string, Lot[]>();
    for (const lot of lots) {
      for (const key of keysOf(lot)) {
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [lot]);
        else group.push(lot);
      }
    }
    for (const [key, group] of groups) {
      const coordinates = group.flatMap(({ limit, reputation }) => [limit, 0, 0, reputation]);
      const ids = group.map(({ rank }) => rank);
      this.#trees.set(key, new KdTree({ dimension: 4, coordinates, ids }));
    }
  }

  /** The nearest lot of another party. */
  nearest(seeker: Lot): { readonly lot: Lot; readonly squared: number } | undefined {
    const { party, feeder } = seeker.quote;
    const accept = (rank: number) => this.#lots.get(rank)?.quote.party !== party;
    let [best, squared]: [number | undefined, number] = [undefined, Infinity];
    const search = (key: string, form: number, elsewhere: number) => {
      const from = [seeker.limit, form, elsewhere, seeker.reputation];
      const found = this.#trees.get(key)?.nearest(from, { accept, within: squared });
      if (found === undefined) return;
      if (best === undefined || found.squared < squared || found.id < best) {
        [best, squared] = [found.id, found.squared];
      }
    };
    for (const [form, distance] of this.#formsFor(seeker)) {
      if (feeder !== undefined) search(keyOf(form, feeder), distance, 0);
      search(keyOf(form, undefined), distance, this.#feederDistance);
    }
    const lot = best === undefined ? undefined : this.#lots.get(best);
    return lot === undefined ? undefined : { lot, squared };
  }

  /** A bid for any form is at home with every ask; otherwise forms are equal or not. */
  #formsFor({ quote: { side, form } }: Lot): readonly (readonly [Group, number])[] {
    if (side === "bid" && form === "any") return [["all", 0]];
    const others = ["all", this.#formDistance] as const;
    if (side === "bid" || form === "any") return [[form, 0], others];
    return [[form, 0], ["any", 0], others];
  }

  take(lot: Lot, quantity: number): void {
    lot.left -= quantity;
    if (lot.left > 0) return;
    for (const key of keysOf(lot)) this.#trees.get(key)?.remove(lot.rank);
  }
}

type Group = Quote["form"] | "all";

function keysOf({ quote: { form, feeder } }: Lot): string[] {
  const everywhere = [keyOf(form, undefined), keyOf("all", undefined)];
  return feeder === undefined
    ? everywhere
    : [...everywhere, keyOf(form, feeder), keyOf("all", feeder)];
}

function keyOf(form: Group, feeder: string | undefined): string {
  return feeder === undefined ? form : `${form} on ${feeder}`;
}
