import type { PriceRules, Prices, Quantities } from "../game/channels.ts";
import { priceAtShare } from "../game/division.ts";
import { bandOf, paperGame, roundPrice, tradedChannels } from "../game/game.ts";
import { type Convergence, searchShares } from "./colony.ts";

/** The reference prices of one slot and how the colony found them. */
export type Reference = { readonly prices: Prices; readonly convergence: Convergence };

/**
 * The prices that the ant colony proposes for one slot; "not traded" where no energy flows.
 * Shape: `seed` is the 32 bytes of the previous block's hash.
 * Throws: `RangeError` for rules that make no sense (see `checkRules`) or another seed.
 */
export function referencePrices(
  quantities: Quantities,
  rules: PriceRules,
  seed: Uint8Array,
): Reference {
  const game = paperGame(quantities, rules);
  const { shares, convergence } = searchShares(game, seed);
  const published: { -readonly [channel in keyof Prices]: Prices[channel] } = {
    cg: undefined,
    cu: undefined,
    gc: undefined,
    gu: undefined,
  };
  tradedChannels(quantities).forEach((channel, i) => {
    const trade = game.trades[i];
    if (trade === undefined) return;
    const price = priceAtShare(trade, shares[i] ?? 0);
    published[channel] = roundPrice(price, bandOf(channel, rules));
  });
  return { prices: published, convergence };
}
