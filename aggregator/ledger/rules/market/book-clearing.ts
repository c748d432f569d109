import assert from "node:assert/strict";
import {
  divideBig,
  type EnergyForm,
  type MicroPerKwh,
  microPerKwh,
  type UtcMs,
  type Wh,
} from "@busbar/protocol";
import { verifyClearing } from "../../../market/clearing/certificate.ts";
import { clear } from "../../../market/clearing/clearing.ts";
import { layOut } from "../../../market/clearing/grid.ts";
import { verifyGridClearing } from "../../../market/clearing/grid-certificate.ts";
import { clearOnGrid } from "../../../market/clearing/grid-clearing.ts";
import { pairOnGrid } from "../../../market/clearing/grid-pairing.ts";
import { type Match, pairQuotes } from "../../../market/clearing/pairing.ts";
import type { Fill, Quote } from "../../../market/clearing/quotes.ts";
import { pricedGrid } from "../../../market/routing/losses.ts";
import { creditScore, fullCredit } from "../../credit.ts";
import type { LedgerEvent } from "../../events.ts";
import type { BlockContext } from "../../rule.ts";
import type { StateReader } from "../../state/state.ts";
import { linesOf } from "./lines.ts";

/** Over a grid: what the buyer pays on top, and the feeders that a sale leads from and to. */
type Way = { readonly fee?: MicroPerKwh; readonly from?: string; readonly to?: string };

/** A sale as it becomes a contract. */
export type NewSale = {
  readonly seller: string;
  readonly buyer: string;
  readonly quantity: Wh;
  readonly price: MicroPerKwh;
  readonly way?: Way;
  /** The quotes that it came from, by id. */
  readonly quotes: { readonly ask?: string; readonly bid?: string };
  readonly origin: "book" | "residual";
  /** What the seller offered it as; absent: as any. */
  readonly form?: EnergyForm;
};

type GridResult = Extract<LedgerEvent, { type: "slot-cleared" }>["grid"];

/** What a gate's book came to; `price` is undefined where nothing was traded in it. */
export type ClearedBook = {
  readonly fills: readonly Fill[];
  readonly price: MicroPerKwh | undefined;
  readonly sales: readonly NewSale[];
  readonly grid?: GridResult;
};

type Book = {
  readonly slot: UtcMs;
  readonly quotes: readonly Quote[];
  readonly reference: MicroPerKwh | undefined;
};

/**
 * Clears the book of a gate, checks the certificate and says who trades with whom: over the slot's grid
 * where its parameters have one, else as at one place. Every member does so, and one whose result is
 * not certified stops before it votes for it.
 */
export function clearBook(context: BlockContext, book: Book): ClearedBook {
  const grid = pricedGrid(context.parameters);
  return grid === undefined
    ? atOnePlace(context.state, book)
    : overGrid(context.state, book, linesOf(context.state, book.slot, grid));
}

function atOnePlace(state: StateReader, { quotes, reference }: Book): ClearedBook {
  const clearing = clear(quotes, reference);
  certify(verifyClearing(quotes, clearing));
  const { fills, price } = clearing;
  if (price === undefined) return { fills, price, sales: [] };
  const pairing = pairQuotes(acceptedOf(state, quotes, fills));
  assert(pairing.ok, "netted fills leave every party on one side, so all of it can be paired");
  const sales = salesOf(quotes, pairing.matches, () => ({ price }));
  return { fills, price, sales };
}

function overGrid(
  state: StateReader,
  { quotes, reference }: Book,
  lines: ReturnType<typeof linesOf>,
): ClearedBook {
  const clearing = clearOnGrid(quotes, lines, reference);
  certify(verifyGridClearing(quotes, lines, clearing));
  const { fills, places, welfare, fees, volume } = clearing;
  const { placeOf } = layOut(lines);
  const at = ({ feeder }: Quote) => {
    const place = places[placeOf(feeder)];
    assert(place?.price !== undefined, "who trades at a feeder does so at its price");
    return { feeder: place.feeder, price: place.price };
  };
  const matches = pairOnGrid(acceptedOf(state, quotes, fills), lines);
  const sales = salesOf(quotes, matches, (ask, bid) => {
    const [{ feeder: from, price }, { feeder: to, price: paid }] = [at(ask), at(bid)];
    assert(paid >= price, "energy flows to where it is worth more, by the fees at least");
    const way = {
      ...(paid === price ? {} : { fee: microPerKwh(paid - price) }),
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    };
    return { price, way };
  });
  const feeders = places.map(({ feeder = null, price = null, exportWh }) => {
    return { feeder, price, exportWh };
  });
  const price = volume === 0 ? undefined : meanPrice(sales, volume);
  return { fills, price, sales, grid: { feeders, welfare, fees } };
}

function certify(checked: ReturnType<typeof verifyClearing>): void {
  assert(checked.ok, `the market certifies its own result: ${checked.ok || checked.message}`);
}

/** What was accepted: near limits, the wished-for form, one feeder and a good name are paired first. */
function acceptedOf(state: StateReader, quotes: readonly Quote[], fills: readonly Fill[]) {
  return quotes.flatMap((quote, i) => {
    const fill = fills[i];
    if (fill === undefined || fill.accepted === 0) return [];
    const reputation = creditScore(state, quote.party) / fullCredit;
    return [{ ...quote, accepted: fill.accepted, reputation }];
  });
}

function salesOf(
  quotes: readonly Quote[],
  matches: readonly Match[],
  terms: (ask: Quote, bid: Quote) => Pick<NewSale, "price" | "way">,
): NewSale[] {
  const byId = new Map(quotes.map((quote) => [quote.id, quote]));
  return matches.map(({ ask: askId, bid: bidId, quantity }) => {
    const [ask, bid] = [byId.get(askId), byId.get(bidId)];
    assert(ask !== undefined && bid !== undefined, "matches are of the book's quotes");
    const { party: seller } = ask;
    const quotes = { ask: askId, bid: bidId };
    const sale = { seller, buyer: bid.party, quantity, ...terms(ask, bid), ...offeredAs(ask) };
    return { ...sale, quotes, origin: "book" };
  });
}

/** The form that an ask names, where it names one. */
export function offeredAs({ side, form }: Pick<Quote, "side" | "form">): { form?: EnergyForm } {
  return side === "bid" || form === "any" ? {} : { form };
}

function meanPrice(sales: readonly NewSale[], volume: Wh): MicroPerKwh {
  const sum = sales.reduce(
    (all, { price, quantity }) => all + BigInt(price) * BigInt(quantity),
    0n,
  );
  return microPerKwh(divideBig(sum, BigInt(volume), "half-even"));
}
