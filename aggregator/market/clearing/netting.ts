import { type Book, earliestFirst } from "./book.ts";

/** What each party cleared, by a small number for the party; 0 is everybody without a cleared ask. */
type Cleared = {
  /** The number of the party behind each quote that cleared. */
  readonly party: Int32Array;
  readonly sold: Float64Array;
  readonly bought: Float64Array;
};

/** Takes out of both sides what each party would have traded with itself; returns how much that is. */
export function netOut(bids: Book, asks: Book): number {
  const { party, sold, bought } = clearedByParty(bids, asks);
  let total = 0;
  const own = bought.map((energy, i) => Math.min(energy, sold[i] ?? 0));
  for (const energy of own) total += energy;
  if (total > 0) {
    withdraw(bids, party, own.slice());
    withdraw(asks, party, own);
  }
  return total;
}

function clearedByParty(bids: Book, asks: Book): Cleared {
  const { quotes } = asks;
  const energy = new Float64Array(quotes.length);
  for (const { origin, taken } of [bids, asks]) {
    for (let i = 0; i < origin.length; i += 1) energy[origin[i] ?? 0] = taken[i] ?? 0;
  }
  const party = new Int32Array(quotes.length);
  const sold = new Float64Array(asks.origin.length + 1);
  const bought = new Float64Array(asks.origin.length + 1);
  const numbers = new Map<string, number>();
  for (let at = 0; at < quotes.length; at += 1) {
    const quote = quotes[at];
    if (quote === undefined || energy[at] === 0 || quote.side !== "ask") continue;
    let number = numbers.get(quote.party);
    if (number === undefined) {
      number = numbers.size + 1;
      numbers.set(quote.party, number);
    }
    party[at] = number;
    sold[number] = (sold[number] ?? 0) + (energy[at] ?? 0);
  }
  for (let at = 0; at < quotes.length; at += 1) {
    const quote = quotes[at];
    if (quote === undefined || energy[at] === 0 || quote.side !== "bid") continue;
    const number = numbers.get(quote.party);
    if (number === undefined) continue;
    party[at] = number;
    bought[number] = (bought[number] ?? 0) + (energy[at] ?? 0);
  }
  return { party, sold, bought };
}

/** Nets each party's own energy out of its cleared quotes: the worst limit first, then the latest. */
function withdraw(book: Book, party: Int32Array, own: Float64Array): void {
  const { limits, taken, netted, origin } = book;
  const who = (i: number) => party[origin[i] ?? 0] ?? 0;
  const take = (i: number) => {
    const part = Math.min(taken[i] ?? 0, own[who(i)] ?? 0);
    taken[i] = (taken[i] ?? 0) - part;
    netted[i] = part;
    own[who(i)] = (own[who(i)] ?? 0) - part;
  };
  for (let to = limits.length, from = to; to > 0; to = from) {
    let concerned = 0;
    for (from = to; from > 0 && limits[from - 1] === limits[to - 1]; from -= 1) {
      if ((own[who(from - 1)] ?? 0) > 0) concerned += 1;
    }
    if (concerned === 0) continue;
    if (to - from === 1) take(from);
    else for (const { i } of earliestFirst(book, from, to).reverse()) take(i);
  }
}
