import type { QuoteTerms } from "@busbar/protocol";
import { readIfThere, writeWhole } from "../link/durable.ts";
import { flowError } from "../link/errors.ts";

/** A sealed quote that has to be opened after its gate. Times are site ms. */
export type KeptQuote = {
  readonly slot: number;
  readonly gate: number;
  readonly revealUntil: number;
  readonly terms: QuoteTerms;
  /** The signed frame that opens it, base64url. */
  readonly reveal: string;
};

type Entry = KeptQuote & { readonly opened: boolean };

/** Entries that are kept: two days of gates of slots of five minutes. */
const entriesMax = 2_000;

/**
 * The quotes of one node, on disk before anything of them is sent: one that is sealed and cannot be
 * opened, because a deploy or a power cut took its salt, costs its owner's good name.
 */
export class QuoteBook {
  readonly #path: string;
  #entries: readonly Entry[];

  /** Throws: `Failure` `flows.quote-kept` where the file is no book. */
  constructor(path: string) {
    this.#path = path;
    this.#entries = read(path);
  }

  /** Whether a slot is quoted at a gate. */
  has(slot: number, gate: number): boolean {
    return this.#entries.some((entry) => entry.slot === slot && entry.gate === gate);
  }

  /** Whether a slot is quoted at any of its gates. */
  hasSlot(slot: number): boolean {
    return this.#entries.some((entry) => entry.slot === slot);
  }

  /** Keeps a quote. Throws: `Failure` `flows.quote-kept` where the disk does not take it. */
  keep(quote: KeptQuote): void {
    this.#write([...this.#entries, { ...quote, opened: false }].slice(-entriesMax));
  }

  /** A rule refused the commitment: there is nothing to open. */
  drop(slot: number, gate: number): void {
    this.#write(this.#entries.filter((entry) => entry.slot !== slot || entry.gate !== gate));
  }

  opened(slot: number, gate: number): void {
    this.#write(
      this.#entries.map((entry) =>
        entry.slot === slot && entry.gate === gate ? { ...entry, opened: true } : entry,
      ),
    );
  }

  /** Quotes whose gate is not among those that still take quotes: to be opened now. */
  due(gates: readonly { readonly slot: number; readonly gate: number }[]): readonly KeptQuote[] {
    const isOpen = ({ slot, gate }: KeptQuote) =>
      gates.some((open) => open.slot === slot && open.gate === gate);
    return this.#entries.filter((entry) => !entry.opened && !isOpen(entry));
  }

  #write(entries: readonly Entry[]): void {
    try {
      writeWhole(this.#path, `${JSON.stringify(entries)}\n`);
    } catch (cause) {
      const message = `${this.#path}: cannot be written, so nothing is sealed; look at the disk`;
      throw flowError("flows.quote-kept", message, { retry: "later", cause });
    }
    this.#entries = entries;
  }
}

function read(path: string): readonly Entry[] {
  const text = readIfThere(path);
  if (text === undefined) return [];
  try {
    const entries = JSON.parse(text) as readonly Entry[];
    const isEntry = ({ slot, gate, revealUntil, reveal, opened }: Entry) =>
      [slot, gate, revealUntil].every(Number.isSafeInteger) &&
      typeof reveal === "string" &&
      typeof opened === "boolean";
    if (Array.isArray(entries) && entries.every(isEntry)) return entries;
  } catch (cause) {
    throw malformed(path, cause);
  }
  throw malformed(path);
}

function malformed(path: string, cause?: unknown) {
  const message = `${path}: expected kept quotes; move the file away, and quotes that it holds stay unopened`;
  return flowError("flows.quote-kept", message, { cause });
}
