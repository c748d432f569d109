import type { Quote } from "../../../market/clearing/quotes.ts";
import type { LedgerEvent } from "../../events.ts";
import type { BlockContext } from "../../rule.ts";
import type { ClearedBook } from "./book-clearing.ts";
import type { SlotPass } from "./slot-pass.ts";

type Outcome = Extract<LedgerEvent, { type: "quote-cleared" }>;

/** What a gate's book was cleared from and came to. */
type Cleared = {
  readonly quotes: readonly Quote[];
  readonly book: ClearedBook;
  /** The reference price that was published when quoting opened. */
  readonly expected: number | undefined;
  readonly hasBureau: boolean;
};

/** Tells what became of each opened quote, and why of one that was not filled. */
export function tellOutcomes(
  { emit }: Pick<BlockContext, "emit">,
  { slot, pass: { scale }, isLast }: SlotPass,
  { quotes, book, expected, hasBureau }: Cleared,
): void {
  quotes.forEach((quote, i) => {
    const { id, party, side, quantity, limit } = quote;
    const { accepted, netted } = book.fills[i] ?? { accepted: 0, netted: 0 };
    const price = priceFor(quote, book);
    const rest = quantity - accepted - netted;
    emit({
      type: "quote-cleared",
      id,
      owner: party,
      slot,
      scale,
      side,
      quantityWh: quantity,
      filledWh: accepted,
      nettedWh: netted,
      limit,
      price,
      expected: expected ?? null,
      why: rest === 0 ? null : whyNot(quote, price),
      rest: rest === 0 ? null : restGoes(isLast, hasBureau),
    });
  });
}

/** Where the quote's party stands: over a grid each feeder has its own. */
function priceFor({ feeder }: Quote, { price, grid }: ClearedBook): number | null {
  if (grid === undefined) return price ?? null;
  return grid.feeders.find((place) => place.feeder === (feeder ?? null))?.price ?? null;
}

function whyNot({ side, limit }: Quote, price: number | null): Outcome["why"] {
  if (price === null) return "nobody";
  const isBeyond = side === "bid" ? limit < price : limit > price;
  return isBeyond ? "price" : "shared";
}

function restGoes(isLast: boolean, hasBureau: boolean): Outcome["rest"] {
  if (!isLast) return "next-gate";
  return hasBureau ? "bureau" : "nobody";
}
