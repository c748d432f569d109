import { accountSums, balanceOf, moneyOf } from "../../aggregator/ledger/accounts.ts";
import type { CommittedBlock } from "../../aggregator/ledger/block.ts";
import { greenLines } from "../../aggregator/ledger/certificates.ts";
import { creditReports, creditScore } from "../../aggregator/ledger/credit.ts";
import { demands } from "../../aggregator/ledger/demand.ts";
import type { LedgerEvent } from "../../aggregator/ledger/events.ts";
import { covered, defaults, exposures } from "../../aggregator/ledger/exposure.ts";
import type { Genesis } from "../../aggregator/ledger/genesis.ts";
import { slotBalances, slotKey } from "../../aggregator/ledger/rules/market/tables.ts";
import { lastSettlement } from "../../aggregator/ledger/settlements.ts";
import type { StateReader } from "../../aggregator/ledger/state/state.ts";
import { Violation } from "./auditor.ts";
import { MarketBindings } from "./market-bindings.ts";
import { MarketBook } from "./market-book.ts";
import { MarketMeters, messageIn } from "./market-meters.ts";
import {
  connectionOf,
  creditLine,
  historyWh,
  hourMs,
  sunMeter,
  sunOwner,
  traders,
} from "./market-site.ts";

type Certified = Extract<LedgerEvent, { type: "slot-certified" }>;
type Settled = Extract<LedgerEvent, { type: "demand-settled" }>;

/**
 * Follows a market's money, energy, certificates and credit through the blocks by the frames and events in
 * them, with arithmetic of its own, and holds the ledger's state to it after each block. Throws: `Violation`.
 */
export class MarketAuditor {
  readonly #book = new MarketBook();
  readonly #meters = new MarketMeters();
  readonly #bindings: MarketBindings;
  readonly #certified = new Map<number, Certified>();
  readonly #settledOrders = new Map<string, Settled>();
  readonly #orders = new Map<string, ReturnType<typeof orderIn>>();
  #signed = 0;
  #height = 0;

  constructor({ parameters }: Genesis) {
    this.#bindings = new MarketBindings(this.#book, parameters.retail);
  }

  /** What came about, so that a test sees that a life had something of everything. */
  get seen() {
    return {
      contracts: this.#signed,
      certified: this.#certified.size,
      orders: this.#settledOrders.size,
      defaults: this.#book.defaults.size,
    };
  }

  /** A block as the first member committed it, with the state after it. */
  look({ header, frames, eventCounts, events }: CommittedBlock, state: StateReader): void {
    if (header.height <= this.#height) return;
    this.#height = header.height;
    let next = 0;
    for (const [i, frame] of frames.entries()) {
      this.#meters.take(frame);
      const order = orderIn(frame);
      if (order !== undefined) this.#orders.set(order.id, order);
      const own = events.slice(next, next + (eventCounts[i] ?? 0));
      next += own.length;
      for (const event of own) this.#take(event, frame);
    }
    for (const event of events.slice(next)) this.#take(event);
    this.#book.endBlock();
    this.#compare(state);
  }

  #take(event: LedgerEvent, frame?: Uint8Array): void {
    this.#book.take(event);
    this.#bindings.take(event);
    switch (event.type) {
      case "quote-revealed": {
        const message = frame && messageIn(frame, "quote-reveal");
        if (message === undefined) throw new Violation(`nothing opens quote ${event.id}`);
        return this.#bindings.opened(event, message.quotes);
      }
      case "contract-signed":
        this.#signed += 1;
        return;
      case "slot-certified":
        this.#certified.set(event.slot, event);
        return;
      case "demand-settled":
        this.#settledOrders.set(event.order, event);
        return;
      default:
      // The books know what it means, or it means nothing to them.
    }
  }

  /** Accounts, credit and bindings as the events make them, after each block. */
  #compare(state: StateReader): void {
    const { money, energyWh } = accountSums(state);
    if (money !== 0n || energyWh !== 0n)
      throw new Violation(`accounts sum to ${money}, ${energyWh}`);
    for (const owner of traders) {
      const { balance, collateral } = this.#book.purse(owner);
      const covers = this.#book.covered(owner);
      this.#same(owner, "balance", balanceOf(state, owner), balance);
      this.#same(owner, "collateral", moneyOf(state, owner, "collateral"), collateral);
      this.#same(owner, "covered", covered(state, owner, creditLine), covers);
      this.#same(owner, "bound", exposures.get(state, owner)?.money ?? 0, this.#bindings.of(owner));
      const isOut = defaults.get(state, owner) !== undefined;
      this.#same(owner, "default", isOut, this.#book.defaults.has(owner));
      if (covers < 0 && !isOut) throw new Violation(`${owner} is at ${covers} and in no default`);
      const reported = creditReports.get(state, owner)?.counts ?? [];
      if (isOut && !reported.some(({ kind }) => kind === "non-payment")) {
        throw new Violation(`${owner} is in default and nothing of it is on its report`);
      }
      if (creditScore(state, owner) < 0) throw new Violation(`${owner} has a score below 0`);
    }
  }

  #same(owner: string, what: string, held: unknown, told: unknown): void {
    if (held === told) return;
    throw new Violation(`block ${this.#height}: ${what} of ${owner} is ${held}, by events ${told}`);
  }

  /** All slots of a life are over: each Wh of its meters stands in it once, certified once, paid once. */
  settle(state: StateReader, slots: readonly number[]): void {
    for (const slot of slots) {
      this.#insistOnEnergy(state, slot);
      this.#insistOnBalance(state, slot);
      this.#insistOnCertificates(state, slot);
    }
    const issued = [...this.#certified.values()].flatMap(({ certificates }) => certificates);
    const sum = issued.reduce((all, { issuedWh }) => all + issuedWh, 0);
    const [first = 0, last = 0] = [slots[0], slots.at(-1)];
    const made = this.#meters.between(sunMeter, first, last + hourMs).exportWh;
    if (sum !== made) throw new Violation(`${sum} Wh are certified, the sun meter shows ${made}`);
    for (const [, settled] of this.#settledOrders) this.#insistOnOrder(state, settled);
  }

  #insistOnEnergy(state: StateReader, slot: number): void {
    for (const owner of traders) {
      const shown = this.#meters.inSlot(connectionOf(owner), slot);
      const settled = lastSettlement(state, slot, owner)?.settlement;
      const { importWh, exportWh, method } = settled ?? {};
      if (importWh !== shown.importWh || exportWh !== shown.exportWh || method !== undefined) {
        throw new Violation(
          `slot ${slot}: ${owner} is settled for ${JSON.stringify(settled)}, shown are ${JSON.stringify(shown)}`,
        );
      }
    }
  }

  #insistOnBalance(state: StateReader, slot: number): void {
    const held = slotBalances.get(state, slotKey(slot));
    const { paid, received, charged, subsidies } = this.#book.sums(slot);
    const same =
      (held?.paid ?? 0) === paid &&
      (held?.received ?? 0) === received &&
      (held?.fees ?? 0) + (held?.taxes ?? 0) === charged &&
      (held?.subsidies ?? 0) === subsidies;
    const left = paid - received - charged + subsidies;
    if (!same || left !== 0) {
      throw new Violation(`slot ${slot} holds ${JSON.stringify(held)}, ${left} are left over`);
    }
  }

  #insistOnCertificates(state: StateReader, slot: number): void {
    const certified = this.#certified.get(slot);
    if (certified === undefined) throw new Violation(`slot ${slot} was never certified`);
    const { certificates, sales } = certified;
    const sum = (of: (one: (typeof certificates)[number]) => number) =>
      certificates.reduce((all, one) => all + of(one), 0);
    const sold = sum(({ soldWh }) => soldWh);
    if (sold !== sum(({ boughtWh }) => boughtWh)) throw new Violation(`slot ${slot}: sold twice`);
    if (sold !== sales.reduce((all, { energy }) => all + energy, 0)) {
      throw new Violation(`slot ${slot}: certificates went over without a contract`);
    }
    const made = this.#meters.inSlot(sunMeter, slot).exportWh;
    for (const { owner, form, ...line } of certificates) {
      const { issuedWh, boughtWh, soldWh, retiredWh } = line;
      if (issuedWh !== (owner === sunOwner && form === "solar" ? made : 0)) {
        throw new Violation(`slot ${slot}: ${issuedWh} Wh of ${form} are issued to ${owner}`);
      }
      if (issuedWh + boughtWh < soldWh + retiredWh) {
        throw new Violation(`slot ${slot}: ${owner} gave away more than it had`);
      }
      const held = greenLines.get(state, `${slotKey(slot)}/${owner}/${form}`);
      if (held?.issuedWh !== issuedWh || held.retiredWh !== retiredWh) {
        throw new Violation(`slot ${slot}: the state says otherwise of ${owner}'s ${form}`);
      }
    }
  }

  /** What meters prove of an order, by the readings, and what was paid for it. */
  #insistOnOrder(state: StateReader, settled: Settled): void {
    const order = this.#orders.get(settled.order);
    if (order === undefined) throw new Violation(`nobody made order ${settled.order}`);
    const drawn = (from: number) =>
      Array.from({ length: order.slots }, (_, i) => {
        const shown = this.#meters.inSlot(connectionOf(settled.owner), from + i * hourMs);
        return shown.importWh - shown.exportWh;
      });
    // An hour, so W and Wh are one number.
    const held = drawn(order.slot).filter((wh) => wh <= (order.limitW ?? wh));
    const less = held.reduce((sum, wh) => sum + between(0, historyWh - wh, order.energy), 0);
    const later = order.toSlot === undefined ? [] : drawn(order.toSlot);
    const more = later.reduce((sum, wh) => sum + Math.max(0, wh - historyWh), 0);
    const proven = order.toSlot === undefined ? less : Math.min(less, more);
    const known = demands.get(state, settled.order);
    if (settled.deliveredWh !== proven || known?.deliveredWh !== proven) {
      throw new Violation(
        `order ${settled.order} is settled with ${settled.deliveredWh} Wh, ${proven} are proven`,
      );
    }
    const exact = (order.price * proven) / 1000;
    if (Math.abs(settled.amount - exact) > 0.5) {
      throw new Violation(`order ${settled.order} is paid ${settled.amount} for ${exact}`);
    }
  }
}

function between(least: number, value: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function orderIn(frame: Uint8Array) {
  const message = messageIn(frame, "demand-order");
  if (message === undefined) return undefined;
  const { id, slot, slots, energy, price, limitW, toSlot } = message;
  return { id: Buffer.from(id).toString("hex"), slot, slots, energy, price, limitW, toSlot };
}
