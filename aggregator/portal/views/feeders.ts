import { decodeStateProof, encodeProof } from "@busbar/protocol";
import type { OtherFeeders } from "../../feeders/others.ts";
import { councilOf } from "../../ledger/council.ts";
import { proveState } from "../../ledger/prove.ts";
import {
  type FeederPurchase,
  type FeederSale,
  feederPurchases,
  feederSales,
  feeders,
} from "../../ledger/rules/feeders/tables.ts";
import type { ViewContext } from "./context.ts";
import type { FeedersAnswer } from "./shapes-feeders.ts";

/** Newest trades that one answer tells of. */
const tradesMax = 500;

type Trade = FeedersAnswer["trades"][number];

/** Who looks: the whole site's people, an owner, or whoever passes by. */
export type FeederReader = "all" | { readonly owner: string | undefined };

/** Offers are made to everybody; what became of one is its parties' business. */
function isFor(reader: FeederReader, { way, stage, seller, buyer }: Trade): boolean {
  if (reader === "all" || (way === "sale" && stage === "offered")) return true;
  return reader.owner !== undefined && reader.owner === (way === "sale" ? seller : buyer);
}

/** Other feeders' chains, and the trades with them; with `with`, those with one chain. */
export function feedersOf(
  { store, application }: ViewContext,
  others: OtherFeeders,
  asked: { readonly with?: string | undefined; readonly reader: FeederReader },
): FeedersAnswer {
  const { state } = store;
  const sales = Array.from(feederSales.scan(state), ([trade, sale]) =>
    rowOf(trade, sale, "sale", others),
  );
  const purchases = Array.from(feederPurchases.scan(state), ([trade, purchase]) =>
    rowOf(trade, purchase, "purchase", others),
  );
  const trades = [...sales, ...purchases]
    .filter((row) => asked.with === undefined || row.chain === asked.with)
    .filter((row) => isFor(asked.reader, row))
    .sort((a, b) => b.height - a.height || (a.trade < b.trade ? -1 : 1))
    .slice(0, tradesMax);
  const { time } = application.info();
  return {
    chain: application.membership().chain,
    time,
    epoch: councilOf(state).epoch,
    feeders: Array.from(feeders.scan(state), ([chain, entry]) => ({
      chain,
      via: entry.via,
      state: entry.state,
      epoch: entry.council.epoch,
      voters: entry.council.voters.map(({ id }) => id),
      height: entry.height ?? null,
      time: entry.time ?? null,
      portals: others.portalsOf(chain),
    })),
    trades,
  };
}

function rowOf(
  trade: string,
  entry: FeederSale | FeederPurchase,
  way: Trade["way"],
  others: OtherFeeders,
): Trade {
  const { terms, stage, height, time, contract, buyer, crossedWh, paidWh } = entry;
  const { slot, energy, price, bond, confirmBy, deliverBy, payBy, closeBy } = terms;
  return {
    ...{ trade, way, stage, height, time, slot, price, bond },
    ...{ confirmBy, deliverBy, payBy, closeBy },
    chain: way === "sale" ? terms.buyerChain : terms.sellerChain,
    otherStage: others.stageOf(trade) ?? null,
    seller: terms.seller,
    buyer: buyer ?? terms.buyer ?? null,
    quantityWh: energy,
    contract: contract ?? null,
    crossedWh: crossedWh ?? null,
    paidWh: paidWh ?? null,
    amount: entry.amount ?? null,
    compensation: entry.compensation ?? null,
  };
}

/**
 * Proof of what this chain holds of a trade, with the steps to who voted on it from an epoch on: those that whoever
 * asks does not know. Undefined where nothing is certified.
 */
export function feederProof(
  { application, store }: ViewContext,
  key: string,
  epoch: number,
): Uint8Array | undefined {
  const state = proveState(application, store, key);
  if (state?.value === undefined) return undefined;
  const steps = store.councilSteps.after(epoch).flatMap(({ proof }) => {
    const decoded = decodeStateProof(proof);
    return decoded.ok && decoded.proof.header.height < state.header.height ? [decoded.proof] : [];
  });
  return encodeProof({ kind: "state", state }, steps);
}
