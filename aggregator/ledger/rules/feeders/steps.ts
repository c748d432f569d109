import { cost, type Micro, micro, utcMs, wh } from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { BlockContext, TxRefusal } from "../../rule.ts";

import { slotKey } from "../../settlements.ts";
import { bind, fulfil, unbind } from "./contract.ts";
import { compensate, letGo } from "./escrow.ts";
import { type PurchaseMove, purchaseDue, type SaleMove, saleDue } from "./machine.ts";
import {
  type FeederPurchase,
  type FeederSale,
  type FeederTerms,
  feederBounds,
  feederDues,
  feederPurchases,
  feederSales,
  feeders,
} from "./tables.ts";

/** How long a trade that is over stays in the state: the other chain may still have to be shown it. */
export const keepMs = 62 * 86_400_000;

/** The owner that stands here for a chain; one that the members decided about has it for ever. */
export function viaOf({ state }: Pick<BlockContext, "state">, chain: string): string {
  return feeders.get(state, chain)?.via ?? "";
}

/** What a seller puts aside, and what it owes for `missing` Wh of it at most. */
export const bondOf = ({ bond, energy }: FeederTerms): Micro => cost(bond, energy, "ceil");
/** What a buyer puts aside. */
export const priceOf = ({ price, energy }: FeederTerms): Micro => cost(price, energy, "ceil");
const owedFor = ({ bond, energy }: FeederTerms, crossedWh: number): Micro =>
  cost(bond, wh(Math.max(0, energy - crossedWh)), "floor");

/** Writes a sale with when the clock looks at it next. */
export function putSale(context: BlockContext, trade: string, sale: FeederSale): void {
  const { state } = context;
  const before = feederSales.get(state, trade);
  if (before !== undefined) feederDues.delete(state, dueKey(saleLook(before), trade));
  feederSales.set(state, trade, sale);
  const about = { way: "sale", chain: sale.terms.buyerChain } as const;
  feederDues.set(state, dueKey(saleLook(sale), trade), about);
}

/** The same for a purchase. */
export function putPurchase(context: BlockContext, trade: string, purchase: FeederPurchase): void {
  const { state } = context;
  const before = feederPurchases.get(state, trade);
  if (before !== undefined) feederDues.delete(state, dueKey(purchaseLook(before), trade));
  feederPurchases.set(state, trade, purchase);
  const about = { way: "purchase", chain: purchase.terms.sellerChain } as const;
  feederDues.set(state, dueKey(purchaseLook(purchase), trade), about);
}

/** When the clock looks at it next: its deadline, or when it is forgotten. */
export const saleLook = (sale: FeederSale): number => saleDue(sale) ?? sale.terms.closeBy + keepMs;
export const purchaseLook = (purchase: FeederPurchase): number =>
  purchaseDue(purchase) ?? purchase.terms.closeBy + keepMs;

function dueKey(at: number, trade: string): string {
  return `${slotKey(at)}/${trade}`;
}

/**
 * Does on the seller's chain what the trade comes to next. Refuses a payment's proof that comes when the slot has left
 * the state (`feeder.too-late`); nothing was written then.
 */
export function moveSale(
  context: BlockContext,
  {
    trade,
    sale,
    move,
    buyer,
  }: {
    readonly trade: string;
    readonly sale: FeederSale;
    readonly move: SaleMove;
    /** Who bought, once that is proved. */
    readonly buyer?: string | undefined;
  },
): TxRefusal | undefined {
  const { state, time, height } = context;
  const { terms, contract } = sale;
  const { seller, buyerChain, slot } = terms;
  const via = viaOf(context, buyerChain);
  const held = { owner: seller, via, money: bondOf(terms) };
  const now = { ...sale, stage: move.to, time: utcMs(time), height };
  const bound = `${slotKey(slot)}/${trade}`;
  switch (move.to) {
    case "confirmed": {
      const made = bind(context, { trade, terms, seller, buyer: via });
      feederBounds.set(state, bound, { way: "sale", chain: buyerChain });
      const bought = buyer === undefined ? {} : { buyer };
      return done(context, trade, { ...now, contract: made, ...bought });
    }
    case "delivered":
      return done(context, trade, { ...now, crossedWh: move.crossedWh });
    case "closed": {
      const amount = contract === undefined ? undefined : fulfil(context, contract, move.paidWh);
      if (amount === undefined) {
        const text = `slot ${slot} of trade ${trade} is settled for good here; what was paid there is to be handed over otherwise`;
        return refuse("feeder.too-late", text);
      }
      if (sale.stage === "delivered") letGo(context, held);
      const compensation = owedFor(terms, sale.crossedWh ?? 0);
      compensate(context, { from: seller, to: via, money: compensation });
      return done(context, trade, { ...now, paidWh: move.paidWh, amount, compensation });
    }
    case "lapsed":
    case "failed":
    case "abandoned":
      if (sale.stage !== "abandoned") letGo(context, held);
      if (contract !== undefined) unbind(context, contract);
      feederBounds.delete(state, bound);
      return done(context, trade, now);
    default:
      return move satisfies never;
  }
}

function done(context: BlockContext, trade: string, sale: FeederSale): undefined {
  putSale(context, trade, sale);
  tell(context, trade, { ...sale, way: "sale", with: sale.terms.buyerChain });
}

/** Does on the buyer's chain what the trade comes to next; refuses as `moveSale` does. */
export function movePurchase(
  context: BlockContext,
  {
    trade,
    purchase,
    move,
    sale,
  }: {
    readonly trade: string;
    readonly purchase: FeederPurchase;
    readonly move: PurchaseMove;
    /** The seller's entry, where it was shown. */
    readonly sale?: FeederSale | undefined;
  },
): TxRefusal | undefined {
  const { state, time, height } = context;
  const { terms, contract = "", buyer = "" } = purchase;
  const { sellerChain, slot } = terms;
  const via = viaOf(context, sellerChain);
  const now = { ...purchase, stage: move.to, time: utcMs(time), height };
  feederBounds.delete(state, `${slotKey(slot)}/${trade}`);
  let next: FeederPurchase = now;
  letGo(context, { owner: buyer, via, money: priceOf(terms) });
  if (move.to === "released") unbind(context, contract);
  else {
    const amount = fulfil(context, contract, move.paidWh);
    if (amount === undefined) {
      return refuse("feeder.too-late", `slot ${slot} of trade ${trade} is settled for good here`);
    }
    const compensation = owedFor(terms, sale?.crossedWh ?? 0);
    compensate(context, { from: via, to: buyer, money: compensation });
    next = { ...now, paidWh: move.paidWh, amount: micro(amount), compensation };
  }
  putPurchase(context, trade, next);
  tell(context, trade, { ...next, way: "purchase", with: sellerChain });
  return undefined;
}

type Told = Pick<FeederSale, "terms" | "crossedWh" | "paidWh" | "amount" | "compensation"> & {
  readonly way: "sale" | "purchase";
  readonly with: string;
  readonly stage: FeederSale["stage"] | FeederPurchase["stage"];
  readonly buyer?: string;
};

/** Says what became of a trade. */
export function tell({ emit }: BlockContext, trade: string, told: Told): void {
  const { way, stage, terms, crossedWh, paidWh, amount, compensation } = told;
  emit({
    type: "feeder-trade",
    trade,
    way,
    stage,
    chain: told.with,
    seller: terms.seller,
    buyer: told.buyer ?? terms.buyer ?? null,
    slot: terms.slot,
    quantityWh: terms.energy,
    price: terms.price,
    ...(crossedWh === undefined ? {} : { crossedWh }),
    ...(paidWh === undefined ? {} : { paidWh }),
    ...(amount === undefined ? {} : { amount }),
    ...(compensation === undefined ? {} : { compensation }),
  });
}
