import { type UtcMs, utcMs, type Wh } from "@busbar/protocol";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { lastSettlement, slotKey } from "../../settlements.ts";
import type { StateReader } from "../../state/state.ts";
import { crossings } from "./crossing.ts";
import { purchaseAt, saleAt, saleMetered } from "./machine.ts";
import { movePurchase, moveSale, putPurchase, viaOf } from "./steps.ts";
import {
  type FeederTerms,
  feederBounds,
  feederDues,
  feederPurchases,
  feederSales,
} from "./tables.ts";

/**
 * Lets go of what is held by a trade whose time is over, before the block settles: what that makes void is settled
 * anew with the rest. What is long over is forgotten; its terms are of a slot that nobody can trade any more.
 */
export const feederDeadlinesRule: BlockRule = {
  name: "feeder-deadlines",
  due: (state, time) => [...overdue(state, time)].length > 0,
  run(context) {
    for (const { key, trade, way } of [...overdue(context.state, context.time)]) {
      if (way === "sale") endSale(context, key, trade);
      else endPurchase(context, key, trade);
    }
  },
};

function* overdue(state: StateReader, time: number) {
  for (const [key, { way }] of feederDues.scan(state)) {
    const [at = "", trade = ""] = key.split("/");
    if (Number(at) > time) return;
    yield { key, trade, way };
  }
}

function endSale(context: BlockContext, key: string, trade: string): void {
  const { state, time } = context;
  const sale = feederSales.get(state, trade);
  const move = sale && saleAt(sale, time);
  if (sale !== undefined && move !== undefined) {
    moveSale(context, { trade, sale, move });
    return;
  }
  feederDues.delete(state, key);
  feederSales.delete(state, trade);
}

function endPurchase(context: BlockContext, key: string, trade: string): void {
  const { state, time } = context;
  const purchase = feederPurchases.get(state, trade);
  const move = purchase && purchaseAt(purchase, time);
  if (purchase !== undefined && move !== undefined) {
    movePurchase(context, { trade, purchase, move });
    return;
  }
  feederDues.delete(state, key);
  feederPurchases.delete(state, trade);
}

/**
 * Notes what crossed the boundary for the trades of a slot, once the meter there was read and settled: an estimate says
 * nothing. It is noted once; a correction of that meter's later is between its owner and the bureau, as any.
 */
export const feederCrossingsRule: BlockRule = {
  name: "feeder-crossings",
  due: (state, time) => [...metered(state, time)].length > 0,
  run(context) {
    for (const slot of [...metered(context.state, context.time)]) note(context, slot);
  },
};

type Metered = { readonly slot: UtcMs; readonly chain: string; readonly netWh: number };

/** The slots and chains with trades whose crossing can be told now. */
function* metered(state: StateReader, time: number): Iterable<Metered> {
  const seen = new Set<string>();
  for (const [key, { chain }] of feederBounds.scan(state)) {
    const slot = utcMs(Number(key.slice(0, key.indexOf("/"))));
    if (slot > time) return;
    if (seen.has(`${slot}/${chain}`)) continue;
    seen.add(`${slot}/${chain}`);
    const last = lastSettlement(state, slot, viaOf({ state: state as never }, chain))?.settlement;
    if (last === undefined || last.why === "provisional" || last.method !== undefined) continue;
    const { importWh, exportWh } = last;
    if (importWh === undefined || exportWh === undefined) continue;
    yield { slot, chain, netWh: importWh - exportWh };
  }
}

function note(context: BlockContext, { slot, chain, netWh }: Metered): void {
  const { state, time } = context;
  const own = [...feederBounds.scan(state, `${slotKey(slot)}/`)].filter(
    ([, bound]) => bound.chain === chain,
  );
  const trades = own.flatMap(([key, { way }]) => {
    const id = key.slice(key.indexOf("/") + 1);
    const terms = (way === "sale" ? feederSales : feederPurchases).get(state, id)?.terms;
    return terms === undefined ? [] : [{ id, way, key, energy: (terms as FeederTerms).energy }];
  });
  const of = (wanted: "sale" | "purchase") => trades.filter(({ way }) => way === wanted);
  const shares = crossings(netWh, { out: of("sale"), into: of("purchase") });
  for (const { id, way, key } of trades) {
    feederBounds.delete(state, key);
    const crossedWh = shares.get(id) as Wh;
    const [sale, purchase] = [feederSales.get(state, id), feederPurchases.get(state, id)];
    if (way === "sale" && sale !== undefined) {
      const move = saleMetered(sale, crossedWh, time);
      if (move !== undefined) moveSale(context, { trade: id, sale, move });
    } else if (purchase !== undefined) {
      putPurchase(context, id, { ...purchase, crossedWh });
    }
  }
}
