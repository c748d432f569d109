import { earlierFirst, type Quote } from "./quotes.ts";

/**
 * One side of the book, best limit first, as parallel columns with one entry a quote. Equal limits
 * stand in any order: whoever must tell them apart uses `earliestFirst`.
 */
export type Book = {
  readonly quotes: readonly Quote[];
  /** Position of each entry in `quotes`, which holds both sides. */
  readonly origin: Int32Array;
  readonly limits: Float64Array;
  readonly quantities: Float64Array;
  readonly taken: Float64Array;
  readonly netted: Float64Array;
};

/** An entry of a book and its quote. */
export type Entry = { readonly i: number; readonly quote: Quote };

/**
 * Opens one side's book with nothing taken. Limit and position are packed into one number each,
 * because sorting plain numbers is several times as fast as sorting by a comparison.
 * Throws: `RangeError` when such a number would pass 2⁵³.
 */
export function openBook(quotes: readonly Quote[], side: Quote["side"]): Book {
  const total = quotes.length;
  let [least, most]: [number, number] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { limit } of quotes) {
    if (limit < least) least = limit;
    if (limit > most) most = limit;
  }
  if (total > 0 && !Number.isSafeInteger((most - least + 1) * total)) {
    throw new RangeError(`limits ${least} … ${most} are too far apart for ${total} quotes`);
  }
  const keys = new Float64Array(total);
  const quantityAt = new Float64Array(total);
  let count = 0;
  for (let i = 0; i < total; i += 1) {
    const quote = quotes[i];
    if (quote === undefined || quote.side !== side) continue;
    quantityAt[i] = quote.quantity;
    keys[count] = (side === "ask" ? quote.limit - least : most - quote.limit) * total + i;
    count += 1;
  }
  const [limits, quantities] = [new Float64Array(count), new Float64Array(count)];
  const [taken, netted] = [new Float64Array(count), new Float64Array(count)];
  const origin = new Int32Array(count);
  const sorted = keys.subarray(0, count).sort();
  for (let i = 0; i < count; i += 1) {
    const key = sorted[i] ?? 0;
    const at = key % total;
    const distance = (key - at) / total;
    origin[i] = at;
    limits[i] = side === "ask" ? least + distance : most - distance;
    quantities[i] = quantityAt[at] ?? 0;
  }
  return { quotes, origin, limits, quantities, taken, netted };
}

/** The entries from … to − 1 of a book, in the order of their commitment. */
export function earliestFirst({ quotes, origin }: Book, from: number, to: number): Entry[] {
  const group: Entry[] = [];
  for (let i = from; i < to; i += 1) {
    const quote = quotes[origin[i] ?? -1];
    if (quote !== undefined) group.push({ i, quote });
  }
  return group.sort((a, b) => earlierFirst(a.quote, b.quote));
}
