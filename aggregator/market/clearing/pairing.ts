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
import {
  type AcceptedQuote,
  closerFirst,
  evenWeights,
  type Lot,
  lotsOf,
  nearestFirst,
  type Pair,
  type PairingWeights,
} from "./nearest-first.ts";

/** Energy that goes from one ask to one bid (by id). */
export type Match = { readonly ask: string; readonly bid: string; readonly quantity: Wh };

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
  const total = checkPairing(quotes, weights);
  const asks = lotsOf(quotes, "ask", weights);
  const bids = lotsOf(quotes, "bid", weights);
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

/** The energy of either side. Throws: `RangeError` as `pairQuotes`. */
export function checkPairing(quotes: readonly AcceptedQuote[], weights: PairingWeights): number {
  checkWeights(weights);
  checkQuotes(quotes);
  return commonTotal(quotes);
}

function withItself(party: string, excess: Wh): Pairing {
  const message =
    `expected no party to need itself as a partner, but ${party} sells and buys ${excess} Wh ` +
    "more than all others could take and give: net its own asks and bids before pairing";
  return { ok: false, code: "market.paired-with-itself", message, party, excess };
}

function checkWeights(weights: PairingWeights): void {
  for (const [name, weight] of Object.entries(weights)) {
    if (!Number.isFinite(weight) || weight < 0) {
      throw new RangeError(`weight of ${name}: expected a number ≥ 0, got ${weight}`);
    }
  }
}

function commonTotal(quotes: readonly AcceptedQuote[]): number {
  let [asked, bid] = [0, 0];
  for (const { side, accepted } of quotes) {
    if (side === "ask") asked += accepted;
    else bid += accepted;
  }
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
