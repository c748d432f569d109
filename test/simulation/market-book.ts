import type { LedgerEvent } from "../../aggregator/ledger/events.ts";
import { Violation } from "./auditor.ts";
import { bureau, creditLine } from "./market-site.ts";

/** What a party has by what blocks tell, 10⁻⁶ currency. */
type Purse = { balance: number; collateral: number };

/** What a slot's parties paid each other, added up from the events, 10⁻⁶ currency. */
export type SlotSums = {
  paid: number;
  received: number;
  /** Fees, taxes and levies together. */
  charged: number;
  subsidies: number;
};

/** Everybody who is no trader: what is posted to whom of them says no event of a correction. */
const others = "others";

/**
 * Keeps the site's money by what blocks tell alone, in integers, and knows nothing of how the ledger came
 * to it: balances, collateral, what each slot came to, who is in default, and what is left of each credit
 * score. Prices are above 0 here.
 */
export class MarketBook {
  readonly #purses = new Map<string, Purse>();
  readonly slots = new Map<number, SlotSums>();
  readonly defaults = new Set<string>();
  readonly #points = new Map<string, number>();

  /** The bureau and the site's own accounts stand as one. */
  purse(owner: string): Purse {
    const name = owner === bureau || owner.startsWith("~") ? others : owner;
    const purse = this.#purses.get(name) ?? { balance: 0, collateral: 0 };
    this.#purses.set(name, purse);
    return purse;
  }

  sums(slot: number): SlotSums {
    const sums = this.slots.get(slot) ?? { paid: 0, received: 0, charged: 0, subsidies: 0 };
    this.slots.set(slot, sums);
    return sums;
  }

  /** What an account is good for: below 0 it has to be in default. */
  covered(owner: string): number {
    const { balance, collateral } = this.purse(owner);
    const score = Math.max(0, 1000 - (this.#points.get(owner) ?? 0));
    return balance + collateral + Math.floor(creditLine / 1000) * score;
  }

  /** A block is over: nobody in default has collateral left that would cover what it owes. */
  endBlock(): void {
    for (const owner of this.defaults) {
      const { balance, collateral } = this.purse(owner);
      if (collateral <= 0 || balance >= 0) continue;
      throw new Violation(`${owner} owes ${-balance}, and ${collateral} of collateral are left`);
    }
  }

  #seize(owner: string, money: number): void {
    this.purse(owner).collateral -= money;
    this.purse(owner).balance += money;
  }

  /** Throws: `Violation` where an event contradicts what was told before. */
  take(event: LedgerEvent): void {
    switch (event.type) {
      case "contract-settled": {
        const { seller, buyer, slot, amount, subsidy } = event;
        this.#move(buyer, seller, amount);
        this.#move(others, buyer, subsidy);
        const sums = this.sums(slot);
        sums.paid += amount - subsidy;
        sums.received += amount;
        sums.subsidies += subsidy;
        return;
      }
      case "imbalance-settled": {
        this.#move(others, event.owner, event.amount);
        return this.#imbalance(event.slot, 0, event.amount);
      }
      case "charges-settled": {
        const money = event.charges.reduce((sum, one) => sum + one.money, 0);
        return this.#charge(event.owner, event.slot, money);
      }
      case "settlement-corrected": {
        const { owner, slot, money, moneyDifference, chargeDifference = 0 } = event;
        this.#move(others, owner, moneyDifference);
        this.#imbalance(slot, money - moneyDifference, money);
        return this.#charge(owner, slot, chargeDifference);
      }
      case "demand-settled":
        return this.#move(event.by, event.owner, event.difference ?? event.amount);
      case "payment-acknowledged": {
        const { by, from, amount, purpose } = event;
        this.purse(by).balance -= amount;
        this.purse(from)[purpose] += amount;
        return;
      }
      case "default-began":
        this.defaults.add(event.owner);
        return this.#seize(event.owner, event.seized);
      case "collateral-seized":
        return this.#seize(event.owner, event.money);
      case "default-ended":
        this.defaults.delete(event.owner);
        return;
      case "violation":
        this.#points.set(event.id, (this.#points.get(event.id) ?? 0) + event.points);
        return;
      case "slot-settled":
        return this.#compare(event);
      case "settlement-held":
      case "contract-void":
        throw new Violation(`nothing of this life leads to a ${event.type}`);
      default:
      // Of no money.
    }
  }

  #move(from: string, to: string, money: number): void {
    this.purse(from).balance -= money;
    this.purse(to).balance += money;
  }

  /** A surplus is bought, a shortage sold: `before` and `after` are what the party gets. */
  #imbalance(slot: number, before: number, after: number): void {
    const more = Math.abs(after) - Math.abs(before);
    this.sums(slot).paid += more;
    this.sums(slot).received += more;
  }

  #charge(owner: string, slot: number, money: number): void {
    this.#move(owner, others, money);
    this.sums(slot).paid += money;
    this.sums(slot).charged += money;
  }

  #compare({ slot, ...said }: Extract<LedgerEvent, { type: "slot-settled" }>): void {
    const { paid, received, charged, subsidies } = this.sums(slot);
    const same =
      said.paid === paid &&
      said.received === received &&
      said.fees + said.taxes === charged &&
      said.subsidies === subsidies;
    if (!same) {
      throw new Violation(
        `slot ${slot} is said to come to ${JSON.stringify(said)}, its events to ${JSON.stringify(this.sums(slot))}`,
      );
    }
    if (paid - received - charged + subsidies !== 0 || said.rounding !== 0) {
      throw new Violation(`slot ${slot} leaves ${said.rounding} over`);
    }
  }
}
