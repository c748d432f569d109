/**
 * Who trades with whom, once clearing has said who trades how much: nearest neighbours first.
 *
 * Every accepted watt-hour finds a partner in the closest pair of ask and bid that is still free, as
 * if all pairs were sorted by distance. Closest pairs are found by following nearest neighbours until
 * two quotes are each other's: such a pair is matched by the sorted list as well, whatever lies
 * between, so O(n) searches of the k-d trees do. Only numbers and ids decide, not the quotes' order.
 *
 * A party never meets itself. It can be paired iff its asks and bids together are at most the total;
 * once they are *all* that is left to give or take (it is then "pivotal"), it has to be in every
 * further match, and what is left falls into two books that need no further care: its asks with
 * others' bids, others' asks with its bids.
 */
import assert from "node:assert/strict";
import { type Wh, wh } from "@busbar/protocol";
import { KdTree } from "./kdtree.ts";
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

/** Energy that goes from one ask to one bid (by id). */
export type Match = { readonly ask: string; readonly bid: string; readonly quantity: Wh };

/** How much each difference between two quotes counts; 0 leaves it out. */
export type PairingWeights = {
  readonly limit: number;
  readonly form: number;
  readonly feeder: number;
  readonly reputation: number;
};

/**
 * All matches, nearest first; or the party that has `excess` watt-hours on each side of the book for
 * which nobody is left but itself.
 */
export type Pairing =
  | { readonly ok: true; readonly matches: readonly Match[] }
  | {
      readonly ok: false;
      readonly code: "market.paired-with-itself";
      readonly message: string;
      readonly party: string;
      readonly excess: Wh;
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

/**
 * Pairs each accepted watt-hour exactly once, never a party with itself, and finds a way whenever
 * there is one. Ties go to the more reputable ask, then the smaller id (UTF-16 code units), then to
 * the bid likewise. O(n log n), but for parties whose many quotes lie between others.
 *
 * Throws: `RangeError` for ids that repeat, numbers outside their ranges, or sides of different
 * totals.
 */
export function pairQuotes(
  quotes: readonly AcceptedQuote[],
  weights: PairingWeights = evenWeights,
): Pairing {
  checkWeights(weights);
  checkQuotes(quotes);
  const asks = lotsOf(quotes, "ask", weights);
  const bids = lotsOf(quotes, "bid", weights);
  const total = commonTotal(asks, bids);
  const rooms = roomsOf(quotes, total);
  const crowded = [...rooms].find(([, room]) => room < 0);
  if (crowded !== undefined) return withItself(crowded[0], wh(-crowded[1]));
  const pairs = pairAll({ asks, bids, rooms, weights });
  const paired = pairs.reduce((sum, { quantity }) => sum + quantity, 0);
  assert(paired === total, "a book in which no party outweighs the others is paired to the end");
  const matches = pairs.map(({ ask, bid, quantity }) => ({
    ask: ask.quote.id,
    bid: bid.quote.id,
    quantity: wh(quantity),
  }));
  return { ok: true, matches };
}

function withItself(party: string, excess: Wh): Pairing {
  const message =
    `expected no party to need itself as a partner, but ${party} sells and buys ${excess} Wh ` +
    "more than all others could take and give: net its own asks and bids before pairing";
  return { ok: false, code: "market.paired-with-itself", message, party, excess };
}

/** A quote on its way through pairing: `rank` is its place in the total order of its side. */
type Lot = {
  readonly quote: AcceptedQuote;
  readonly rank: number;
  readonly limit: number;
  readonly reputation: number;
  left: number;
};

type Pair = {
  readonly ask: Lot;
  readonly bid: Lot;
  readonly quantity: number;
  readonly squared: number;
};

function checkWeights(weights: PairingWeights): void {
  for (const [name, weight] of Object.entries(weights)) {
    if (!Number.isFinite(weight) || weight < 0) {
      throw new RangeError(`weight of ${name}: expected a number ≥ 0, got ${weight}`);
    }
  }
}

function lotsOf(
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

function commonTotal(asks: readonly Lot[], bids: readonly Lot[]): number {
  const sum = (lots: readonly Lot[]) => lots.reduce((total, { left }) => total + left, 0);
  const [asked, bid] = [sum(asks), sum(bids)];
  if (asked !== bid) {
    throw new RangeError(
      `expected as much accepted of asks as of bids, got ${asked} and ${bid} Wh`,
    );
  }
  return wh(asked);
}

function checkQuotes(quotes: readonly AcceptedQuote[]): void {
  const seen = new Set<string>();
  for (const { id, accepted, reputation } of quotes) {
    if (seen.has(id)) throw new RangeError(`quote ${id} appears twice`);
    seen.add(id);
    if (wh(accepted) === 0)
      throw new RangeError(`quote ${id}: expected accepted Wh above 0, got 0`);
    if (reputation !== undefined && !(reputation >= 0 && reputation <= 1)) {
      throw new RangeError(`quote ${id}: expected a reputation in 0 … 1, got ${reputation}`);
    }
  }
}

/** How much can be matched without a party until it is pivotal: the total less its asks and bids. */
function roomsOf(quotes: readonly AcceptedQuote[], total: number): Map<string, number> {
  const rooms = new Map<string, number>();
  for (const { party, accepted } of quotes) {
    rooms.set(party, (rooms.get(party) ?? total) - accepted);
  }
  return rooms;
}

type Book = {
  readonly asks: readonly Lot[];
  readonly bids: readonly Lot[];
  readonly rooms: ReadonlyMap<string, number>;
  readonly weights: PairingWeights;
};

function pairAll({ asks, bids, rooms, weights }: Book): Pair[] {
  const pairs = nearestFirst(asks, bids, weights);
  const end = firstPivotal(pairs, rooms);
  if (end === undefined) return pairs;
  const [start, restOf] = [upTo(pairs, end.at), new Map<Lot, number>()];
  for (const lot of [...asks, ...bids]) restOf.set(lot, lot.quote.accepted);
  for (const { ask, bid, quantity } of start) {
    restOf.set(ask, (restOf.get(ask) ?? 0) - quantity);
    restOf.set(bid, (restOf.get(bid) ?? 0) - quantity);
  }
  const rest = (lots: readonly Lot[], own: boolean) =>
    lots
      .map((lot) => ({ ...lot, left: restOf.get(lot) ?? 0 }))
      .filter(({ quote, left }) => left > 0 && (quote.party === end.party) === own);
  const sold = nearestFirst(rest(asks, true), rest(bids, false), weights);
  const bought = nearestFirst(rest(asks, false), rest(bids, true), weights);
  return [...start, ...[...sold, ...bought].sort(closerFirst)];
}

/**
 * The first party to be pivotal when a match passes it by, and the energy matched until then. For a
 * party that moment is its room plus what it was itself matched.
 */
function firstPivotal(pairs: readonly Pair[], rooms: ReadonlyMap<string, number>) {
  const moments = new Map(rooms);
  let first: { readonly at: number; readonly party: string } | undefined;
  const check = (party: string, matched: number) => {
    const at = moments.get(party) ?? 0;
    if (at >= matched) return;
    const earlier =
      first === undefined || at < first.at || (at === first.at && party < first.party);
    if (earlier) first = { at, party };
  };
  let matched = 0;
  for (const { ask, bid, quantity } of pairs) {
    for (const { party } of [ask.quote, bid.quote]) {
      check(party, matched);
      moments.set(party, (moments.get(party) ?? 0) + quantity);
    }
    matched += quantity;
  }
  for (const party of rooms.keys()) check(party, matched);
  return first;
}

/** The first pairs that hold this much energy, the last of them cut to fit. */
function upTo(pairs: readonly Pair[], energy: number): Pair[] {
  const start: Pair[] = [];
  let left = energy;
  for (const pair of pairs) {
    if (left === 0) break;
    const quantity = Math.min(left, pair.quantity);
    start.push({ ...pair, quantity });
    left -= quantity;
  }
  return start;
}

/** The total order of pairs. Among those of one quote it is that of neighbours in a k-d tree. */
function closerFirst(a: Pair, b: Pair): number {
  return a.squared - b.squared || a.ask.rank - b.ask.rank || a.bid.rank - b.bid.rank;
}

/** Pairs by distance alone; uses `left` up, except where only a party's own quotes remain. */
function nearestFirst(asks: readonly Lot[], bids: readonly Lot[], weights: PairingWeights): Pair[] {
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
