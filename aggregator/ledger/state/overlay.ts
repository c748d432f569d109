import assert from "node:assert/strict";
import type { State, StateReader } from "./state.ts";

/** What became of keys: new bytes, or undefined where deleted. */
export type Changes = ReadonlyMap<string, Uint8Array | undefined>;

/** Printable ASCII sorts alike in JavaScript, in SQLite and everywhere else. */
const keyPattern = /^[\x21-\x7e]+$/;

/**
 * Changes on top of a state that stays as it is. Overlays nest: one for the block, one in it for
 * each transaction, so that a refused transaction is simply dropped.
 */
export class Overlay implements State {
  readonly #base: StateReader;
  readonly #changes = new Map<string, Uint8Array | undefined>();
  /** Whether anything was ever deleted: most overlays only set. */
  #deletes = false;
  /** The changed keys of each table, so that a scan looks at one table's changes only; from the first
   * scan on, for a transaction's own overlay mostly sees none. */
  #byTable: Map<string, Set<string>> | undefined;
  /** The same in their order, of each table since its last new key: it is scanned more often than it grows. */
  readonly #sorted = new Map<string, readonly string[]>();

  constructor(base: StateReader) {
    this.#base = base;
  }

  get(key: string): Uint8Array | undefined {
    const own = this.#changes.get(key);
    if (own !== undefined) return own;
    return this.#deletes && this.#changes.has(key) ? undefined : this.#base.get(key);
  }

  set(key: string, value: Uint8Array): void {
    if (!keyPattern.test(key)) {
      assert.fail(`a state key is printable ASCII without blanks, got ${key}`);
    }
    this.#change(key, value);
  }

  delete(key: string): void {
    this.#change(key, undefined);
  }

  *scan(prefix: string): Iterable<readonly [string, Uint8Array]> {
    const changed = this.#changedUnder(prefix);
    if (changed.length === 0) return yield* this.#base.scan(prefix);
    let next = 0;
    for (const entry of this.#base.scan(prefix)) {
      for (; (changed[next] ?? "\uffff") < entry[0]; next++) yield* this.#own(changed[next]);
      if (changed[next] !== entry[0]) yield entry;
    }
    for (; next < changed.length; next++) yield* this.#own(changed[next]);
  }

  get changes(): Changes {
    return this.#changes;
  }

  /** Hands all changes to the state below. */
  applyTo(target: Overlay): void {
    for (const [key, value] of this.#changes) target.#change(key, value);
  }

  #change(key: string, value: Uint8Array | undefined): void {
    if (this.#byTable !== undefined && !this.#changes.has(key)) {
      note(this.#byTable, key);
      this.#sorted.delete(tableOf(key));
    }
    if (value === undefined) this.#deletes = true;
    this.#changes.set(key, value);
  }

  #changedUnder(prefix: string): readonly string[] {
    if (this.#changes.size === 0) return [];
    if (this.#byTable === undefined) {
      this.#byTable = new Map();
      for (const key of this.#changes.keys()) note(this.#byTable, key);
    }
    if (!prefix.includes("/")) {
      return [...this.#changes.keys()].filter((key) => key.startsWith(prefix)).sort();
    }
    const keys = this.#sortedOf(tableOf(prefix), this.#byTable);
    const from = firstAtOrAfter(keys, prefix);
    let to = from;
    while (keys[to]?.startsWith(prefix)) to += 1;
    return keys.slice(from, to);
  }

  #sortedOf(table: string, byTable: ReadonlyMap<string, Set<string>>): readonly string[] {
    const known = this.#sorted.get(table);
    if (known !== undefined) return known;
    const keys = [...(byTable.get(table) ?? [])].sort();
    this.#sorted.set(table, keys);
    return keys;
  }

  *#own(key: string | undefined): Iterable<readonly [string, Uint8Array]> {
    const value = key === undefined ? undefined : this.#changes.get(key);
    if (key !== undefined && value !== undefined) yield [key, value];
  }
}

/** A state of nothing, for the first block and for tests. */
export const emptyState: StateReader = {
  get: () => undefined,
  scan: () => [],
};

function note(byTable: Map<string, Set<string>>, key: string): void {
  const table = tableOf(key);
  const keys = byTable.get(table);
  if (keys === undefined) byTable.set(table, new Set([key]));
  else keys.add(key);
}

/** The place of the first key that is not before a prefix. */
function firstAtOrAfter(keys: readonly string[], prefix: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? "") < prefix) low = middle + 1;
    else high = middle;
  }
  return low;
}

function tableOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}
