import type { Wh } from "@busbar/protocol";
import {
  type Purchase,
  purchaseAfter,
  purchaseAt,
  type Sale,
  saleAfter,
  saleAt,
  saleMetered,
} from "./machine.ts";

/**
 * Every order in which two chains can come to the steps of one trade. Each clock goes on by itself, or stops for ever;
 * whatever a chain's state ever held may be shown to the other at any later time, never, or again.
 */

export const quantityWh = 4 as Wh;
const priceOf = (wh: number) => wh * 10;
const owedFor = (crossedWh: number) => (quantityWh - crossedWh) * 3;

/** The deadlines' places on a clock; a clock's instants are 0 … 4. */
const terms = { confirmBy: 1, deliverBy: 2, payBy: 3, closeBy: 4 } as never as Sale["terms"];
export const clockEnd = 4;

/** Owner's money free, its money aside, and that of who stands for the other chain. */
type Purse = { readonly free: number; readonly aside: number; readonly via: number };

/** Both chains: all that their entries ever said (the last one counts), their clocks, and their money. */
export type World = {
  readonly sales: readonly Sale[];
  readonly purchases: readonly Purchase[];
  readonly timeA: number;
  readonly timeB: number;
  readonly a: Purse;
  readonly b: Purse;
  readonly paidTimes: number;
};

export const begin: World = {
  sales: [{ terms, stage: "offered" }],
  purchases: [],
  timeA: 0,
  timeB: 0,
  a: { free: -owedFor(0), aside: owedFor(0), via: 0 },
  b: { free: 0, aside: 0, via: 0 },
  paidTimes: 0,
};

export const saleOf = ({ sales }: World): Sale => sales.at(-1) as Sale;
export const purchaseOf = ({ purchases }: World): Purchase | undefined => purchases.at(-1);

/** A chain's own clock goes on, and what it lets go of. */
export function tickA(world: World): World | undefined {
  if (world.timeA === clockEnd) return undefined;
  const timeA = world.timeA + 1;
  return movedA({ ...world, timeA }, saleAt(saleOf(world), timeA)) ?? { ...world, timeA };
}

export function tickB(world: World): World | undefined {
  if (world.timeB === clockEnd) return undefined;
  const timeB = world.timeB + 1;
  const now = { ...world, timeB };
  const purchase = purchaseOf(world);
  return (purchase && movedB(now, purchaseAt(purchase, timeB))) ?? now;
}

/** All that can happen next. */
export function nexts(world: World): World[] {
  const { sales, purchases, timeA, timeB } = world;
  const sale = saleOf(world);
  const purchase = purchaseOf(world);
  const found: (World | undefined)[] = [tickA(world), tickB(world)];
  for (const crossedWh of [0, 3, quantityWh] as Wh[]) {
    // The slot has begun once offers lapse.
    if (timeA >= 1) found.push(movedA(world, saleMetered(sale, crossedWh, timeA)));
    if (timeB >= 1 && purchase?.stage === "escrowed" && purchase.crossedWh === undefined) {
      found.push({ ...world, purchases: [...purchases, { ...purchase, crossedWh }] });
    }
  }
  for (const shown of purchases) found.push(movedA(world, saleAfter(sale, shown, timeA)));
  for (const shown of sales) {
    if (purchase === undefined) found.push(accepted(world, shown));
    else {
      const move = purchaseAfter(purchase, shown, timeB);
      if (move !== "unmetered") found.push(movedB(world, move, shown));
    }
  }
  return found.filter((next) => next !== undefined);
}

function accepted(world: World, shown: Sale): World | undefined {
  if (shown.stage !== "offered" || world.timeB >= terms.confirmBy) return undefined;
  const price = priceOf(quantityWh);
  const b = { ...world.b, free: world.b.free - price, aside: price };
  return { ...world, b, purchases: [{ terms, stage: "escrowed" }] };
}

function movedA(world: World, move: ReturnType<typeof saleAfter>): World | undefined {
  if (move === undefined) return undefined;
  const sale = saleOf(world);
  const next: Sale = {
    ...sale,
    stage: move.to,
    ...(move.to === "delivered" ? { crossedWh: move.crossedWh } : {}),
  };
  let { a } = world;
  const holds = ["offered", "confirmed", "delivered"];
  if (holds.includes(sale.stage) && !holds.includes(move.to)) {
    a = { ...a, free: a.free + a.aside, aside: 0 };
  }
  if (move.to === "closed") {
    const gets = priceOf(move.paidWh) - owedFor(sale.crossedWh ?? 0);
    a = { ...a, free: a.free + gets, via: a.via - gets };
  }
  return { ...world, a, sales: [...world.sales, next] };
}

function movedB(
  world: World,
  move: Exclude<ReturnType<typeof purchaseAfter>, "unmetered">,
  shown?: Sale,
): World | undefined {
  const purchase = purchaseOf(world);
  if (move === undefined || purchase === undefined) return undefined;
  let b = { ...world.b, free: world.b.free + world.b.aside, aside: 0 };
  let next: Purchase = { ...purchase, stage: move.to };
  if (move.to === "paid") {
    const pays = priceOf(move.paidWh) - owedFor(shown?.crossedWh ?? 0);
    b = { ...b, free: b.free - pays, via: b.via + pays };
    next = { ...next, paidWh: move.paidWh };
  }
  const paidTimes = world.paidTimes + (move.to === "paid" ? 1 : 0);
  return { ...world, b, paidTimes, purchases: [...world.purchases, next] };
}

/** All worlds that can come about. */
export function explore(): World[] {
  const seen = new Map<string, World>([[JSON.stringify(begin), begin]]);
  const waiting = [begin];
  for (let world = waiting.pop(); world !== undefined; world = waiting.pop()) {
    for (const next of nexts(world)) {
      const key = JSON.stringify(next);
      if (seen.has(key)) continue;
      seen.set(key, next);
      waiting.push(next);
    }
  }
  return [...seen.values()];
}
