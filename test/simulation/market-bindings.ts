import type { QuoteTerms } from "@busbar/protocol";
import type { LedgerEvent } from "../../aggregator/ledger/events.ts";
import { Violation } from "./auditor.ts";
import type { MarketBook } from "./market-book.ts";
import { bureau } from "./market-site.ts";

/** 10⁻⁶ currency for so much at a price per kWh, rounded up. */
const cost = (price: number, energyWh: number) => Math.ceil((price * energyWh) / 1000);

type Binding = { readonly owner: string; readonly money: number; readonly slot?: number };

/** What owners are bound to pay, by what they opened, ordered and signed: the sums of it in plain words. */
export class MarketBindings {
  readonly #book: MarketBook;
  readonly #retail: number;
  readonly #bound = new Map<string, Binding>();

  constructor(book: MarketBook, retail: number) {
    this.#book = book;
    this.#retail = retail;
  }

  of(owner: string): number {
    const own = [...this.#bound.values()].filter((one) => one.owner === owner);
    return own.reduce((sum, { money }) => sum + money, 0);
  }

  /** Quotes that a block took. Throws: `Violation` where they are not covered. */
  opened(
    { id, owner, slot }: Extract<LedgerEvent, { type: "quote-revealed" }>,
    quotes: readonly QuoteTerms[],
  ): void {
    const bids = quotes.filter(({ side }) => side === "bid");
    if (bids.length > 0 && this.#book.defaults.has(owner)) {
      throw new Violation(`${owner} is in default and bids`);
    }
    // A life's only gate is its slots' last one: what nobody gives comes from the bureau, whatever the limit is.
    const money = bids.reduce((sum, { quantity }) => sum + cost(this.#retail, quantity), 0);
    this.#bind(`quote ${id}`, { owner, money, slot });
  }

  take(event: LedgerEvent): void {
    switch (event.type) {
      case "slot-cleared": {
        const opened = [...this.#bound].filter(([name]) => name.startsWith("quote "));
        for (const [name, { slot }] of opened) {
          if (slot === event.slot) this.#bound.delete(name);
        }
        return;
      }
      case "contract-signed": {
        const { contract, buyer: owner, price, fee = 0, quantityWh } = event;
        this.#bound.set(`contract ${contract}`, { owner, money: cost(price + fee, quantityWh) });
        return;
      }
      case "contract-settled":
        this.#bound.delete(`contract ${event.contract}`);
        return;
      case "demand-ordered": {
        const money = cost(event.price, event.energyWh * event.slots);
        return this.#bind(`order ${event.order}`, { owner: event.by, money });
      }
      case "demand-answered":
        if (event.status === "refused" || event.status === "lapsed") {
          this.#bound.delete(`order ${event.order}`);
        }
        return;
      case "demand-settled":
        this.#bound.delete(`order ${event.order}`);
        return;
      default:
      // It binds nobody.
    }
  }

  /** Nobody binds itself to more than it is good for, but the bureau, which balances. */
  #bind(name: string, binding: Binding): void {
    const { owner, money } = binding;
    this.#bound.set(name, binding);
    if (money === 0 || owner === bureau) return;
    const [bound, covered] = [this.of(owner), this.#book.covered(owner)];
    if (bound > covered) throw new Violation(`${owner} is bound to ${bound}, good for ${covered}`);
  }
}
