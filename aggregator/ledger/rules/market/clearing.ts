import assert from "node:assert/strict";
import {
  type MicroPerKwh,
  microPerKwh,
  type QuoteTerms,
  type UtcMs,
  utcMs,
  wh,
} from "@busbar/protocol";
import type { Fill, Quote } from "../../../market/clearing/quotes.ts";
import { residualSales } from "../../../market/clearing/residual.ts";
import type { Prices } from "../../../market/game/channels.ts";
import { lostOnWay } from "../../../market/routing/losses.ts";
import { greenLines, greenMoves, greenSlots } from "../../certificates.ts";
import { correctedSlots, corrections } from "../../corrections.ts";
import { creditScore, reportViolation } from "../../credit.ts";
import { defaults, expose, exposeContract } from "../../exposure.ts";
import { judged } from "../../judged.ts";
import type { BlockContext } from "../../rule.ts";
import { contractId, settlements } from "../../settlements.ts";
import { slotEnergy } from "../../slots.ts";
import { takings } from "../../takings.ts";
import { keepUnread } from "../../unread.ts";
import { boundaryKeepMs } from "../boundaries.ts";
import { cases, objections } from "../cases/tables.ts";
import { balancingOf } from "./balancing.ts";
import { type ClearedBook, clearBook, type NewSale, offeredAs } from "./book-clearing.ts";
import { placeOf, strayFeeder } from "./lines.ts";
import { marketParties, partyInSlot } from "./parties.ts";
import { addToPositions, forgetPositions } from "./positions.ts";
import { tellOutcomes } from "./quote-outcomes.ts";
import { costMost } from "./quote-reveal.ts";
import { expectSettlement } from "./settlement-rule.ts";
import type { SlotPass } from "./slot-pass.ts";
import { type CertifiedPrices, known, orNull, pricesFor } from "./slot-prices.ts";
import {
  commitmentPlaces,
  commitments,
  contracts,
  plans,
  type Slot,
  siteNets,
  slotBalances,
  slotKey,
  slots,
} from "./tables.ts";
import { slotMs } from "./timetable.ts";

/**
 * Clears a slot at one of its gates: reference prices, the book, who trades with whom, and contracts
 * for all of it. What nobody took waits for the slot's next gate; after the last one the bureau takes
 * and gives it, so that nobody buys from it what there is still time to sell.
 */
export function clearSlot(context: BlockContext, at: SlotPass): void {
  const { state, emit } = context;
  const { slot, number, pass, isLast } = at;
  const key = slotKey(slot);
  const record = slots.get(state, key);
  assert(record !== undefined, `slot ${slot} is cleared after it was opened`);
  const quotes = openedQuotes(context, slot);
  // Without quotes the prices of the opening stand; they go with no trade.
  const certified = quotes.length > 0 ? quotedPrices(context, slot, quotes) : undefined;
  const prices = certified?.prices ?? pricesOf(record);
  const book = clearBook(context, { slot, quotes, reference: prices.gu });
  const cleared = { slot, quotes, fills: book.fills, prices };
  const sales = [...book.sales, ...(isLast ? bureauSales(context, cleared) : [])];
  signContracts(context, at, { sales, signed: record.contracts });
  const traded = sales.reduce((sum, { quantity }) => sum + quantity, 0);
  const { price, grid } = book;
  slots.set(state, key, {
    ...record,
    stage: "cleared",
    prices: known(prices),
    ...(price === undefined ? {} : { clearing: price }),
    tradedWh: wh(record.tradedWh + traded),
    contracts: record.contracts + sales.length,
    ...feedersAfter(record, book),
  });
  emit({
    type: "slot-cleared",
    slot,
    scale: pass.scale,
    pass: number,
    clearing: price ?? null,
    quantityWh: traded,
    prices: orNull(prices),
    exact: certified === undefined ? null : orNull(certified.exact),
    ...(grid === undefined ? {} : { grid }),
  });
  const hasBureau = balancingOf(state, slot) !== undefined;
  tellOutcomes(context, at, { quotes, book, expected: record.prices.gu, hasBureau });
  if (!isLast) return;
  forgetPositions(state, slot);
  plans.delete(state, key);
  expectSettlement(context, slot);
  forget(context, slot - boundaryKeepMs);
}

/** Takes a slot of long ago, with all that came of it, out of the state; blocks and events keep it all. */
function forget({ state, parameters }: BlockContext, slot: number): void {
  const key = slot < 0 ? undefined : slotKey(slot);
  if (key === undefined || slots.get(state, key)?.stage !== "settled") return;
  keepUnread(state, slot, (owner) => {
    const lengthMs = slotMs(parameters);
    const party = partyInSlot(state, owner, { start: slot, end: slot + lengthMs });
    const known = (party?.meters ?? []).map((meter) =>
      slotEnergy(state, meter, utcMs(slot), lengthMs),
    );
    return known.reduce((sum, energy) => sum + (energy?.importWh ?? 0), 0);
  });
  slots.delete(state, key);
  siteNets.delete(state, key);
  slotBalances.delete(state, key);
  greenSlots.delete(state, key);
  for (const [table, prefix] of [
    [contracts, `${key}-`],
    [objections, `${key}-`],
    [settlements, `${key}/`],
    [greenLines, `${key}/`],
    [greenMoves, `${key}/`],
    [takings, `${key}/`],
    [corrections, `${key}/`],
    [correctedSlots, `${key}/`],
    [cases, `${key}/`],
    [judged, `${key}/`],
  ] as const) {
    for (const [id] of [...table.scan(state, prefix)]) table.delete(state, id);
  }
}

/** The quotes that were opened in time. Those that were not are void and stand in the credit report. */
function openedQuotes(context: BlockContext, slot: UtcMs): Quote[] {
  const { state, parameters, emit } = context;
  const quotes: Quote[] = [];
  const prefix = `${slotKey(slot)}/`;
  const ranks = parameters.credit?.tiesByScore === 1;
  for (const [key, { owner, time, gate, revealed }] of [...commitments.scan(state, prefix)]) {
    const id = key.slice(prefix.length + owner.length + 1);
    // A meter may have come, or moved, since the quote was sealed.
    const stray = strayFeeder(state, owner, parameters);
    const feeder = revealed === undefined ? undefined : placeOf(state, owner, parameters);
    for (const [i, terms] of (stray === undefined ? (revealed ?? []) : []).entries()) {
      const limit = withinTariff(terms, parameters);
      const place = {
        ...(feeder === undefined ? {} : { feeder }),
        ...(ranks ? { rank: creditScore(state, owner) } : {}),
      };
      quotes.push({ ...terms, limit, id: `${id}-${i}`, party: owner, slot, time, ...place });
    }
    if (revealed !== undefined && stray !== undefined) {
      const reason = `feeder ${stray} stands in no line of the grid`;
      emit({ type: "quote-void", id, owner, slot, reason });
    }
    if (revealed === undefined) {
      const reason = "it was not opened before clearing";
      emit({ type: "quote-void", id, owner, slot, reason });
      // Who is in default could not open it.
      if (defaults.get(state, owner) === undefined) {
        const reason = `quote ${id} for slot ${slot} was not opened`;
        reportViolation(context, { id: owner, kind: "quote-unopened", reason });
      }
    }
    // What it is bound to from here on are contracts.
    expose(state, owner, 0 - costMost(state, { slot, gate }, revealed ?? []));
    commitments.delete(state, key);
    commitmentPlaces.delete(state, id);
  }
  return quotes;
}

/** The tariff is what everybody can have from the bureau: nobody pays more or gets less than it. */
function withinTariff(
  { side, limit }: QuoteTerms,
  { feedIn, retail }: BlockContext["parameters"],
): MicroPerKwh {
  if (side === "bid") return limit > retail ? retail : limit;
  return limit < feedIn ? feedIn : limit;
}

/** The colony's prices for what was really offered and asked for. */
function quotedPrices(
  context: BlockContext,
  slot: UtcMs,
  quotes: readonly Quote[],
): CertifiedPrices {
  const users = new Set(
    marketParties(context.state).flatMap(({ owner, party }) => (party === "user" ? [owner] : [])),
  );
  const nets = new Map<string, number>();
  for (const { party, side, quantity } of quotes) {
    nets.set(party, (nets.get(party) ?? 0) + (side === "ask" ? quantity : -quantity));
  }
  const parties = Array.from(nets, ([owner, netWh]) => {
    return { owner, party: users.has(owner) ? "user" : "company", netWh } as const;
  });
  return pricesFor(parties, { ...context, slot });
}

type Cleared = {
  readonly slot: number;
  readonly quotes: readonly Quote[];
  readonly fills: readonly Fill[];
  readonly prices: Prices;
};

/** Signs a contract for each sale; the slot has `signed` of them from its gates before. */
function signContracts(
  { state, emit, parameters }: BlockContext,
  { slot, pass: { scale } }: SlotPass,
  { sales, signed }: { readonly sales: readonly NewSale[]; readonly signed: number },
): void {
  sales.forEach((sale, i) => {
    const contract = contractId(slot, signed + i + 1);
    const { seller, buyer, quantity, price, origin, form, way = {}, quotes } = sale;
    const as = form === undefined ? {} : { form };
    const lossWh = lostOnWay(parameters.grid ?? [], { ...way, energy: quantity });
    const lost = lossWh === 0 ? {} : { lossWh };
    const terms = {
      slot,
      seller,
      buyer,
      energy: quantity,
      price,
      origin,
      scale,
      ...way,
      ...quotes,
      ...as,
      ...lost,
    };
    const { fee } = way;
    contracts.set(state, contract, terms);
    addToPositions(state, slot, terms);
    exposeContract(state, terms, "bind");
    emit({
      type: "contract-signed",
      contract,
      slot,
      seller,
      buyer,
      quantityWh: quantity,
      price,
      ...(fee === undefined ? {} : { fee }),
      origin,
      ...as,
      ...lost,
      scale,
    });
  });
}

function bureauSales(context: BlockContext, { slot, quotes, fills, prices }: Cleared): NewSale[] {
  const bureau = balancingOf(context.state, slot);
  if (bureau === undefined) return [];
  const roles = new Map(marketParties(context.state).map(({ owner, party }) => [owner, party]));
  const rests = quotes.map(({ id, party, side, quantity, limit }, i) => {
    const { accepted, netted } = fills[i] ?? { accepted: 0, netted: 0 };
    const role = roles.get(party) === "company" ? "company" : "user";
    const rest = wh(quantity - accepted - netted);
    return { id, party, role, side, quantity: rest, limit } as const;
  });
  const sales = residualSales(rests, { bureau, prices, tariff: context.parameters });
  const offers = new Map(quotes.map((quote) => [quote.id, offeredAs(quote)]));
  return sales.map(({ quote, ...sale }) => {
    const from = sale.seller === bureau ? { bid: quote } : { ask: quote };
    return { ...sale, ...offers.get(quote), quotes: from, origin: "residual" };
  });
}

function pricesOf({ prices: { cg, cu, gc, gu } }: Slot): Prices {
  return { cg, cu, gc, gu };
}

/** The feeders' prices and flows with those of this gate. */
function feedersAfter(
  { feeders: before = [] }: Slot,
  { grid }: ClearedBook,
): Pick<Slot, "feeders"> {
  if (grid === undefined || !grid.feeders.some(({ price }) => price !== null)) return {};
  const feeders = grid.feeders.map(({ feeder, price: now, exportWh }) => {
    const known = before.find((other) => (other.feeder ?? null) === feeder);
    const price = now === null ? known?.price : microPerKwh(now);
    return {
      ...(feeder === null ? {} : { feeder }),
      ...(price === undefined ? {} : { price }),
      sentWh: (known?.sentWh ?? 0) + exportWh,
    };
  });
  return { feeders };
}
