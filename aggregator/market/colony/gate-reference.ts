import type { PriceRules, Prices } from "../game/channels.ts";
import { divide } from "../game/division.ts";
import { channelPrices } from "../game/gate-prices.ts";
import { gateGame, merged, type Player } from "../game/players.ts";
import { gateColony, paperColony, searchShares } from "./colony.ts";

/**
 * A gate's reference prices by the colony, those of the exact division beside them, and how far the
 * colony's are proven to be from the best at most (a part of everybody's mean gain).
 */
export type GateReference = {
  readonly prices: Prices;
  readonly exact: Prices;
  readonly gap: number;
};

/**
 * The prices that the colony proposes to the parties of one gate (eq. 9 of Liu & Zhou: any number of
 * companies, bureaus and users). Those that no price can tell apart are searched as one.
 *
 * Shape: as for `gateGame`, at most `playersMax` kinds; `seed` is the 32 bytes of the previous block's hash.
 * Throws: `RangeError` for players, rules or a seed that make no sense.
 */
export function gateReference(
  players: readonly Player[],
  rules: PriceRules,
  seed: Uint8Array,
): GateReference {
  const game = gateGame(merged(players), rules);
  // The paper's case has two trades at most, and its prices to the last digit cost next to nothing.
  const settings = game.trades.length <= 2 ? paperColony : gateColony;
  const { shares, convergence } = searchShares(game, seed, settings);
  const exact = channelPrices(game, divide(game).shares);
  return { prices: channelPrices(game, shares), exact, gap: convergence.gap.at(-1) ?? 0 };
}
