/** What both kinds of clearing do with one side's book once they know how much of it is served. */
import { allocate, microPerKwh, wh } from "@busbar/protocol";
import { type Book, type Entry, earliestFirst } from "./book.ts";
import {
  type ClearingCertificate,
  type Fill,
  type Quote,
  type Rationed,
  rankOf,
} from "./quotes.ts";

/** Hands `total` to the quotes from the best limit on; the last group of equals shares the rest. */
export function fill(book: Book, total: number): Rationed | undefined {
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

/** Of equal limits those with the higher rank first; the rank that cannot be served whole shares what is left. */
function ration(book: Book, from: number, to: number, total: number): Rationed | undefined {
  let left = total;
  for (const group of byRank(earliestFirst(book, from, to))) {
    const offered = group.reduce((sum, { quote }) => sum + quote.quantity, 0);
    if (offered > left) return left === 0 ? undefined : share(book, group, { offered, left });
    for (const { i, quote } of group) book.taken[i] = quote.quantity;
    left -= offered;
  }
  return undefined;
}

/** Entries by rank, the highest first; those of one rank stay in their order. */
function byRank(entries: readonly Entry[]): (readonly Entry[])[] {
  const groups = new Map<number, Entry[]>();
  for (const entry of entries) {
    const rank = rankOf(entry.quote);
    const group = groups.get(rank);
    if (group === undefined) groups.set(rank, [entry]);
    else group.push(entry);
  }
  return [...groups].sort(([a], [b]) => b - a).map(([, group]) => group);
}

/** Largest remainder in proportion to quantity; equal remainders to the earlier, then the smaller id. */
function share(
  book: Book,
  group: readonly Entry[],
  { offered, left }: { readonly offered: number; readonly left: number },
): Rationed | undefined {
  const [first] = group;
  if (first === undefined) return undefined;
  // `allocate` breaks ties by id, so the ids are places in that order.
  const digits = String(group.length).length;
  const place = (i: number) => String(i).padStart(digits, "0");
  const shares = group.map(({ quote }, i) => ({ id: place(i), weight: quote.quantity }));
  allocate(left, shares).forEach((part, i) => {
    book.taken[group[i]?.i ?? -1] = part;
  });
  const { side, limit } = first.quote;
  const rank = rankOf(first.quote);
  const ranked = rank === 0 ? {} : { rank };
  return { side, limit, ...ranked, offered: wh(offered), cleared: wh(left) };
}

/**
 * The prices at which nobody would rather have cleared more or less:
 * lo = max(cleared asks, bids with a rest), hi = min(cleared bids, asks with a rest).
 */
export function equilibrium(bids: Book, asks: Book): Pick<ClearingCertificate, "lo" | "hi"> {
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
export function worth({ limits, taken }: Book): bigint {
  let large = 0n;
  let small = 0;
  for (let i = 0; i < limits.length; i += 1) {
    const product = (limits[i] ?? 0) * (taken[i] ?? 0);
    if (Math.abs(product + small) <= Number.MAX_SAFE_INTEGER) small += product;
    else {
      large += BigInt(small) + BigInt(limits[i] ?? 0) * BigInt(taken[i] ?? 0);
      small = 0;
    }
  }
  return large + BigInt(small);
}

/** What became of each quote, in the order of the quotes. */
export function fillsOf(quotes: readonly Quote[], bids: Book, asks: Book): Fill[] {
  const accepted = new Float64Array(quotes.length);
  const netted = new Float64Array(quotes.length);
  for (const book of [bids, asks]) {
    const { origin, taken } = book;
    for (let i = 0; i < origin.length; i += 1) {
      const at = origin[i] ?? 0;
      accepted[at] = taken[i] ?? 0;
      netted[at] = book.netted[i] ?? 0;
    }
  }
  return quotes.map(({ id }, i) => ({
    id,
    accepted: wh(accepted[i] ?? 0),
    netted: wh(netted[i] ?? 0),
  }));
}
