import { compareBytes, sealQuotes } from "@busbar/protocol";
import type { Contract } from "../../ledger/rules/market/tables.ts";
import type { BillOrder } from "./document.ts";
import { BillError, type BillGrounds } from "./grounds.ts";

/** The quotes of an owner, and how much of each became contracts. */
export class Orders {
  readonly #grounds: Pick<BillGrounds, "owner" | "quotes">;
  readonly #used = new Map<string, number>();

  constructor(grounds: Pick<BillGrounds, "owner" | "quotes">) {
    this.#grounds = grounds;
  }

  /**
   * The owner's own quote behind a contract, opened as it was sealed, for that slot and side, with a
   * limit that the price keeps and enough of it left; null for a trade with another feeder, which the contract
   * itself names by the hash of its signed terms. Throws: `BillError` `bill.order`.
   */
  behind(contract: string, terms: Contract): BillOrder | null {
    if (terms.across !== undefined) return null;
    const { owner } = this.#grounds;
    const side = terms.seller === owner ? "ask" : "bid";
    const id = terms[side];
    const wrong = (why: string) => new BillError("bill.order", why, { contract });
    if (id === undefined) throw wrong(`contract ${contract} names no quote of ${owner}`);
    const quote = this.#grounds.quotes.get(id.slice(0, 32));
    if (quote === undefined) throw wrong(`the quote ${id} is not in the evidence`);
    const { commit, opening, sealed } = quote;
    const quoted = opening.quotes[Number(id.slice(33))];
    if (commit.owner !== owner || commit.slot !== terms.slot || quoted === undefined) {
      throw wrong(`the quote ${id} is none of ${owner} for this slot`);
    }
    const seal = sealQuotes(commit, opening.quotes, opening.salt);
    if (compareBytes(seal, commit.hash) !== 0)
      throw wrong(`the quote ${id} is not as it was sealed`);
    if (quoted.side !== side) throw wrong(`the quote ${id} is on the other side`);
    const paid = terms.price + (terms.fee ?? 0);
    const kept = side === "ask" ? terms.price >= quoted.limit : paid <= quoted.limit;
    // What nobody took goes to the bureau at its tariff, whatever the limit was.
    if (!kept && terms.origin === "book") throw wrong(`the price passes the limit of quote ${id}`);
    const used = (this.#used.get(id) ?? 0) + terms.energy;
    if (used > quoted.quantity) throw wrong(`contracts of quote ${id} pass its quantity`);
    this.#used.set(id, used);
    const { form, quantity, limit } = quoted;
    return { id, side, form, quantityWh: quantity, limit, sealed };
  }
}
