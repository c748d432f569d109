import type { Positions, SlotPrices } from "@busbar/edge";
import { Failure, type Signer } from "@busbar/protocol";
import { flowError } from "../link/errors.ts";
import type { KeptQuote, QuoteBook } from "./book.ts";
import { sealedQuote } from "./sealed.ts";
import { type Limits, leftOf, termsOf, type Wish } from "./terms.ts";

/** What a quoter works with. */
export type QuoterOptions = {
  readonly chain: string;
  readonly owner: string;
  readonly signer: Signer;
  readonly book: QuoteBook;
  readonly limits: Limits;
  /** Which gates it quotes at. */
  readonly horizon: string;
  /** Hands a signed frame in. Throws: `Failure`; its code says whether a rule refused it. */
  readonly send: (frame: Uint8Array) => Promise<void>;
  readonly random: (bytes: number) => Uint8Array;
};

/** Refusals of an opening that pass, or troubles that are no refusal. */
const passing: readonly string[] = [
  "quote.not-yet",
  "quote.unknown",
  "flows.not-connected",
  "flows.unacknowledged",
  "flows.portal",
  "ingest.too-many",
  "pool.full",
];

/** The commitment may have arrived: its opening is kept. */
const maybeSent: readonly string[] = ["flows.portal", "flows.unacknowledged"];

/** Tries of one opening: with the pauses between them, longer than any gate takes to clear. */
const triesMax = 600;

/** What became of openings: done, refused for good, and whether some wait. */
export type Opening = {
  readonly opened: readonly KeptQuote[];
  readonly refused: readonly Failure[];
  readonly again: boolean;
};

/** Seals quotes for open gates and opens them when the gates have closed. */
export class Quoter {
  readonly #options: QuoterOptions;
  readonly #tries = new Map<string, number>();
  #gates: readonly SlotPrices[] = [];
  /** Undefined while nobody says how the owner stands. */
  #positions: Positions["slots"] | undefined;
  #wereTold = false;

  constructor(options: QuoterOptions) {
    this.#options = options;
  }

  /** Takes in which gates take quotes now. */
  heed(gates: readonly SlotPrices[]): void {
    this.#gates = gates;
  }

  /** Takes in what the owner has sold and bought of each slot; undefined when that is not told any more. */
  heedPositions(positions: Positions | undefined): void {
    this.#positions = positions?.slots;
    this.#wereTold ||= positions !== undefined;
  }

  /**
   * One gate of each slot, where it has one that this book has no quote for. A slot that was quoted at a
   * gate before has been cleared when the next one opens, and what is left of it is offered again; only
   * where it is told what was sold there. After a connection that ended, all wait until that is told again.
   */
  get fresh(): readonly SlotPrices[] {
    const { book } = this.#options;
    if (this.#wereTold && this.#positions === undefined) return [];
    const slots = new Set<number>();
    return this.unquoted.filter(({ slot }) => {
      const isNew = !slots.has(slot) && (this.#positions !== undefined || !book.hasSlot(slot));
      slots.add(slot);
      return isNew;
    });
  }

  /** Gates of the chosen kind that this book has no quote for yet. */
  get unquoted(): readonly SlotPrices[] {
    const { book } = this.#options;
    return this.#chosen.filter(({ slot, gate }) => !book.has(slot, gate));
  }

  /**
   * Seals a quote for a slot, or for the gate that closes next; undefined where the wish asks for
   * nothing. Throws: `Failure` `flows.gate-missing`, `flows.value`, `flows.quote-kept`, what `send`
   * throws.
   */
  async quote(wish: Wish, slot?: number): Promise<KeptQuote | undefined> {
    return await this.quoteAt(this.#gateFor(slot), wish);
  }

  /** Seals what of a wish is not sold or bought yet. As `quote`. */
  async quoteRest(gate: SlotPrices, wish: Wish): Promise<KeptQuote | undefined> {
    const soldWh = this.#positions?.get(gate.slot)?.soldWh ?? 0;
    return await this.quoteAt(gate, leftOf(wish, soldWh));
  }

  /** The same at a known gate. */
  async quoteAt(gate: SlotPrices, wish: Wish): Promise<KeptQuote | undefined> {
    const { book, limits, send } = this.#options;
    const terms = termsOf(wish, gate, limits);
    if (terms === undefined) return undefined;
    const { commit, kept } = sealedQuote({ ...this.#options, gate, terms });
    // Before the commitment: one that cannot be opened costs its owner's good name.
    book.keep(kept);
    try {
      await send(commit);
    } catch (error) {
      // What was not handed in, or what a rule refused for good, is nothing to open later.
      if (error instanceof Failure && !maybeSent.includes(error.code)) {
        book.drop(kept.slot, kept.gate);
      }
      throw error;
    }
    return kept;
  }

  /** Opens what is to be opened now; gives back what was. Where `again`, it is worth another try. */
  async open(): Promise<Opening> {
    const { book, send } = this.#options;
    const opened: KeptQuote[] = [];
    const refused: Failure[] = [];
    let again = false;
    for (const kept of book.due(this.#gates)) {
      try {
        await send(new Uint8Array(Buffer.from(kept.reveal, "base64url")));
        opened.push(kept);
        book.opened(kept.slot, kept.gate);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        if (passing.includes(error.code) && this.#mayTry(kept)) {
          again = true;
          continue;
        }
        refused.push(error);
        book.opened(kept.slot, kept.gate);
      }
    }
    return { opened, refused, again };
  }

  /** A slot that is over takes no opening any more, and nobody says so in words that end. */
  #mayTry({ slot, gate }: KeptQuote): boolean {
    const key = `${slot}/${gate}`;
    const tries = (this.#tries.get(key) ?? 0) + 1;
    this.#tries.set(key, tries);
    if (tries >= triesMax) this.#tries.delete(key);
    return tries < triesMax;
  }

  get #chosen(): readonly SlotPrices[] {
    const { horizon } = this.#options;
    return this.#gates.filter((gate) => horizon === "any" || gate.horizon === horizon);
  }

  #gateFor(slot: number | undefined): SlotPrices {
    const gate = slot === undefined ? this.unquoted[0] : this.#chosen.find((g) => g.slot === slot);
    if (gate !== undefined && !this.#options.book.has(gate.slot, gate.gate)) return gate;
    const which = slot === undefined ? "that is not quoted yet" : `of the slot at ${iso(slot)}`;
    const message = `no gate ${which} takes quotes now (${this.#chosen.length} are open)`;
    throw flowError("flows.gate-missing", message, { retry: "later" });
  }
}

const iso = (time: number) => new Date(time).toISOString();
