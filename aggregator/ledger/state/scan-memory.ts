type Entry = readonly [key: string, value: Uint8Array];

/** What is known of the entries under a prefix: the first ones, and whether there are more. */
type Known = { readonly entries: Entry[]; isAll: boolean };

/** Prefixes of one table with what is known of them, and how long they are. */
type Table = { readonly known: Map<string, Known>; readonly lengths: Set<number> };

/** Entries that are remembered of one prefix: rules look at each block for the first that is due, or
 * for all of a slot's or of a small site's. */
const entriesMax = 128;

/** Prefixes that are remembered; those of single accounts and meters come and go. */
const prefixesMax = 1_000;

/** What walks over a state found, kept up with what is written. */
export class ScanMemory {
  readonly #tables = new Map<string, Table>();
  #prefixes = 0;
  /** Counts writes: a walk that one came into is not remembered. */
  #version = 0;
  /** Something is written that may yet be taken back: nothing is told by heart, or learned. */
  #isOpen = false;

  /** The entries under a prefix, in order; `rest` reads those behind a key, or all of them. */
  *walk(prefix: string, rest: (after: string | undefined) => Iterable<Entry>): Iterable<Entry> {
    const table = tableOf(prefix);
    if (table === undefined || this.#isOpen) return yield* rest(undefined);
    const known = this.#tables.get(table)?.known.get(prefix);
    const version = this.#version;
    if (known?.isAll) {
      // A copy, for a write may come in between.
      return yield* known.entries.slice();
    }
    const seen: Entry[] = [];
    let isAll = false;
    try {
      for (const entry of known?.entries.slice() ?? []) {
        seen.push(entry);
        yield entry;
      }
      for (const entry of rest(seen.at(-1)?.[0])) {
        if (seen.length <= entriesMax) seen.push(entry);
        yield entry;
      }
      isAll = true;
    } finally {
      const isMore = isAll || seen.length > (known?.entries.length ?? 0);
      if (version === this.#version && isMore && seen.length <= entriesMax) {
        this.#keep(table, prefix, { entries: seen, isAll });
      }
    }
  }

  /** A write began that may be taken back. */
  open(): void {
    this.#version += 1;
    this.#isOpen = true;
  }

  /** All that was written stays. */
  close(): void {
    this.#isOpen = false;
  }

  /** Takes in what a key holds now; undefined: nothing any more. */
  written(key: string, value: Uint8Array | undefined): void {
    this.#version += 1;
    if (this.#prefixes === 0) return;
    const table = tableOf(key);
    if (table === undefined) return this.clear();
    const all = this.#tables.get(table);
    if (all === undefined) return;
    for (const length of all.lengths) {
      const known = all.known.get(key.slice(0, length));
      if (known !== undefined && length <= key.length) put(known, key, value);
    }
  }

  clear(): void {
    this.#version += 1;
    this.#isOpen = false;
    this.#tables.clear();
    this.#prefixes = 0;
  }

  #keep(name: string, prefix: string, known: Known): void {
    if (this.#prefixes >= prefixesMax) this.clear();
    const table = this.#tables.get(name) ?? { known: new Map(), lengths: new Set() };
    this.#tables.set(name, table);
    if (!table.known.has(prefix)) this.#prefixes += 1;
    table.known.set(prefix, known);
    table.lengths.add(prefix.length);
  }
}

/** Writes a key into what is known under a prefix of it. */
function put(known: Known, key: string, value: Uint8Array | undefined): void {
  const { entries } = known;
  let [at, high] = [0, entries.length];
  while (at < high) {
    const middle = (at + high) >> 1;
    if ((entries[middle]?.[0] ?? "") < key) at = middle + 1;
    else high = middle;
  }
  const isThere = entries[at]?.[0] === key;
  if (value === undefined) {
    if (isThere) entries.splice(at, 1);
    return;
  }
  // Behind the last that is known there may be others before it.
  if (at === entries.length && !known.isAll) return;
  entries.splice(at, isThere ? 1 : 0, [key, value]);
  if (entries.length <= entriesMax) return;
  entries.length = entriesMax;
  known.isAll = false;
}

/** Keys are `<table>/<id>`; undefined for a prefix that reaches over tables. */
function tableOf(key: string): string | undefined {
  const end = key.indexOf("/");
  return end < 0 ? undefined : key.slice(0, end);
}
