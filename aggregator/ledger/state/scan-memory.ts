type Entry = readonly [key: string, value: Uint8Array];

/** What is known of the entries under a prefix: the first ones, and whether there are more. */
type Known = { readonly entries: readonly Entry[]; readonly isAll: boolean };

/** Entries that are remembered of one prefix: rules look at each block for the first that is due, or
 * for all of a few. */
const entriesMax = 32;

/** Prefixes that are remembered; those of single accounts and meters come and go. */
const prefixesMax = 1_000;

/** What walks over a state found, until something of the same table is written. */
export class ScanMemory {
  readonly #tables = new Map<string, Map<string, Known>>();
  #prefixes = 0;
  /** Counts writes: a walk that one came into is not remembered. */
  #version = 0;

  /** The entries under a prefix, in order; `rest` reads those behind a key, or all of them. */
  *walk(prefix: string, rest: (after: string | undefined) => Iterable<Entry>): Iterable<Entry> {
    const table = tableOf(prefix);
    if (table === undefined) return yield* rest(undefined);
    const known = this.#tables.get(table)?.get(prefix);
    const version = this.#version;
    const seen: Entry[] = [];
    let isAll = false;
    try {
      for (const entry of known?.entries ?? []) {
        seen.push(entry);
        yield entry;
      }
      isAll = known?.isAll ?? false;
      if (isAll) return;
      for (const entry of rest(seen.at(-1)?.[0])) {
        if (seen.length <= entriesMax) seen.push(entry);
        yield entry;
      }
      isAll = true;
    } finally {
      const isMore =
        isAll !== (known?.isAll ?? false) || seen.length > (known?.entries.length ?? 0);
      if (version === this.#version && isMore && seen.length <= entriesMax) {
        this.#keep(table, prefix, { entries: seen, isAll });
      }
    }
  }

  /** Forgets what a written key may have changed. */
  written(key: string): void {
    this.#version += 1;
    if (this.#prefixes === 0) return;
    const table = tableOf(key);
    if (table === undefined) return this.clear();
    this.#prefixes -= this.#tables.get(table)?.size ?? 0;
    this.#tables.delete(table);
  }

  clear(): void {
    this.#version += 1;
    this.#tables.clear();
    this.#prefixes = 0;
  }

  #keep(table: string, prefix: string, known: Known): void {
    if (this.#prefixes >= prefixesMax) this.clear();
    const prefixes = this.#tables.get(table) ?? new Map<string, Known>();
    this.#tables.set(table, prefixes);
    if (!prefixes.has(prefix)) this.#prefixes += 1;
    prefixes.set(prefix, known);
  }
}

/** Keys are `<table>/<id>`; undefined for a prefix that reaches over tables. */
function tableOf(key: string): string | undefined {
  const end = key.indexOf("/");
  return end < 0 ? undefined : key.slice(0, end);
}
